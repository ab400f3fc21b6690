package main

import (
	"encoding/json"
	"net/http"
	"slices"

	"latchkey.example/latchkey"
)

// sendCaller responds with what the app found out about its caller.
func sendCaller(w http.ResponseWriter, r *http.Request) {
	key := latchkey.FromContext(r.Context())
	scopes, metadata := append([]string{}, key.Scopes...), key.Metadata
	slices.Sort(scopes)
	if metadata == nil {
		metadata = map[string]any{}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"key_id": orNull(key.KeyID), "owner": orNull(key.Owner), "label": orNull(key.Label),
		"scopes": scopes, "metadata": metadata, "verified": key.Verified,
	})
}

func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

package latchkey

import "encoding/json"

// Functions have a twin in Python. A test calls them by these names, with texts, lists of texts or booleans.
var Functions = map[string]func(given []json.RawMessage) (any, error){
	"credential": func(given []json.RawMessage) (any, error) {
		found, denied := credentialFromHeaders(text(given[0]), text(given[1]), string(given[2]) == "true")
		if denied != nil {
			return []string{denied.slug, denied.detail}, nil
		}
		return found.reveal(), nil
	},
	"identity": func(given []json.RawMessage) (any, error) {
		found := principalOfProxy(text(given[0]), text(given[1]), text(given[2]))
		if found == nil {
			return nil, nil
		}
		return []any{found.KeyID, found.Owner, append([]string{}, found.Scopes...)}, nil
	},
	"covers": func(given []json.RawMessage) (any, error) {
		var granted []string
		err := json.Unmarshal(given[0], &granted)
		return covers(granted, text(given[1])), err
	},
	"isRequestId":  func(given []json.RawMessage) (any, error) { return isRequestID(text(given[0])), nil },
	"redactTokens": func(given []json.RawMessage) (any, error) { return redactTokens(text(given[0])), nil },
	"serverUrl":    func(given []json.RawMessage) (any, error) { return serverURL(text(given[0])) },
	"problemTypes": func([]json.RawMessage) (any, error) {
		found := map[string][]any{}
		for slug, each := range problemTypes {
			found[slug] = []any{each.status, each.title}
		}
		return found, nil
	},
}

// text returns a text in JSON; null, for a field that wasn't sent, is an empty one.
func text(given json.RawMessage) (found string) {
	_ = json.Unmarshal(given, &found)
	return found
}

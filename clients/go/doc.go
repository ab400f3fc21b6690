// Package latchkey protects net/http apps with Latchkey, the self-hosted control plane for API keys: a request without
// a valid key gets a 401, one without the scope a 403, one over the key's rate limit a 429.
//
//	guard, err := latchkey.New(latchkey.Options{}) // reads LATCHKEY_URL and LATCHKEY_API_KEY
//	readOrders := guard.RequireKey(latchkey.Needs{Scopes: []string{"orders:read"}})
//	mux.Handle("GET /orders", readOrders(http.HandlerFunc(listOrders)))
//
// Behind RequireKey, FromContext returns the key that the request is from. If Latchkey can't be reached, the request
// gets a 503. No error, log line or printed value of this package contains a secret.
package latchkey

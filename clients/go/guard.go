package latchkey

import (
	"context"
	"net/http"
)

// Guard protects an app: its handlers are called only for requests with a valid key.
type Guard struct {
	client *Client
	policy policy
}

// New returns the guard of an app. Settings that aren't in options are read from the environment. The error is a
// *ConfigurationError.
func New(options Options) (*Guard, error) {
	client, err := NewClient(options)
	if err != nil {
		return nil, err
	}
	settings, err := readPolicySettings(options, client.transport.connection.url)
	if err != nil {
		return nil, err
	}
	return &Guard{client, policy{settings}}, nil
}

// Close closes the connections to Latchkey that aren't in use. The process can end without it.
func (g *Guard) Close() { g.client.Close() }

// RequireKey returns a middleware that lets a request pass only with a valid key that meets needs. It panics for a
// mistake in them, such as a negative cost.
//
// A request that passes several of them, for example that of a whole app and that of a route, pays the highest cost in
// each unit. If a later one is higher only in units other than requests, the request pays another token, because each
// verification costs at least one.
func (g *Guard) RequireKey(needs Needs) func(http.Handler) http.Handler {
	wanted := needs.checked()
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			found, denied := g.admit(r, wanted)
			found.writeFields(w.Header())
			if denied != nil {
				found.writeDenial(w, denied)
				return
			}
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), visitKey{}, found)))
		})
	}
}

// admit returns the visit of a request, with the denial if it may not pass.
func (g *Guard) admit(r *http.Request, needs Needs) (*visit, *denial) {
	found := &visit{guard: g}
	if earlier, ok := r.Context().Value(visitKey{}).(*visit); ok && earlier.guard == g {
		*found = *earlier
		if result := found.begin(needs); result != nil {
			return found, result.denied
		}
	} else {
		found.request = newIncoming(r)
	}
	next := found.next(needs)
	result := g.check(r, found, next)
	found.end(result, next)
	return found, result.denied
}

// check returns the outcome for a request, whose key pays the costs.
func (g *Guard) check(r *http.Request, known *visit, needs Needs) outcome {
	requestID := known.request.requestID
	if g.policy.trustProxyIdentity {
		if trusted := proxyIdentityOf(r); trusted != nil {
			return allow(trusted, needs.Scopes, nil)
		}
	}
	caller, denied := credentialOf(r, g.policy.importedTokens)
	if denied != nil {
		return outcome{denied: denied}
	}
	// Not canceled with the request: otherwise a client that disconnects would look like an outage of Latchkey.
	ctx := context.WithoutCancel(r.Context())
	client := &Client{g.client.transport, requestID}
	verification, err := client.Verify(ctx, caller.reveal(), needs)
	if err != nil {
		return g.policy.withoutVerdict(ctx, requestID, err)
	}
	return g.policy.decide(ctx, requestID, verification, needs.Scopes, known.whole(needs))
}

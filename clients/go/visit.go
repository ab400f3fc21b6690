package latchkey

import "net/http"

// visit is a request on its way through the app: who sent it, what it has paid so far, and the fields of its response.
type visit struct {
	guard     *Guard
	request   incoming
	principal *Principal
	paid      map[string]int64
	fields    []headerField
}

type visitKey struct{}

// begin returns the outcome at a later place that needs no verification, or nil if it does.
func (v *visit) begin(needs Needs) *outcome {
	if len(needs.owed(v.paid)) == 0 {
		result := allow(v.principal, needs.Scopes, v.fields)
		return &result
	}
	limit, cost := v.principal.RateLimit, needs.Costs[unitRequests]
	if limit != nil && cost > limit.Limit {
		// The rest alone may fit into the bucket, but no wait would ever make room for all of it.
		return &outcome{denied: denyCost(cost, limit.Limit), fields: v.fields}
	}
	return nil
}

// next returns the needs to verify: what the key has not paid yet.
//
// A unit that was paid before isn't named: if the request has paid the last of it, even a cost of 0 would be denied.
func (v *visit) next(needs Needs) Needs {
	return Needs{Scopes: needs.Scopes, Costs: needs.owed(v.paid)}
}

// whole returns what the request costs with these needs and what it has paid before, or nil if that is nothing.
func (v *visit) whole(needs Needs) map[string]int64 {
	if v.paid == nil {
		return nil
	}
	return v.with(needs)
}

// end remembers the outcome of a verification, for which the key has paid the costs of needs.
func (v *visit) end(result outcome, needs Needs) {
	v.principal, v.fields = result.principal, result.fields
	v.paid = v.with(needs)
}

// with returns what the request has paid once it has paid these needs too.
func (v *visit) with(needs Needs) map[string]int64 {
	requests, paid := needs.cost()
	paid[unitRequests] = requests
	for unit, cost := range v.paid {
		paid[unit] += cost
	}
	return paid
}

// writeFields sets the fields of every response: the request ID, and what is left of the key's limits.
func (v *visit) writeFields(header http.Header) {
	for _, name := range rateLimitHeaders {
		// An outer middleware may have set them.
		header.Del(name)
	}
	header.Set(headerRequestID, v.request.requestID)
	for _, field := range v.fields {
		header.Set(field.name, field.value)
	}
}

func (v *visit) writeDenial(w http.ResponseWriter, denied *denial) {
	for _, field := range denied.fields() {
		w.Header().Set(field.name, field.value)
	}
	body := denied.body(v.request.path, v.request.requestID, v.guard.policy.publicURL)
	w.WriteHeader(denied.status())
	// The client may have gone.
	_, _ = w.Write(body)
}

package latchkey

import (
	"context"
	"encoding/json"
	"errors"
)

// Client verifies credentials with Latchkey. Its own key needs the scope verify.
//
// It keeps its connections open, and makes no call again that may have arrived. Create one for your whole process: any
// number of goroutines can use it at the same time.
type Client struct {
	transport *transport
	requestID string
}

// NewClient returns a client. Settings that aren't in options are read from the environment. The error is a
// *ConfigurationError.
func NewClient(options Options) (*Client, error) {
	settings, err := readConnection(options)
	if err != nil {
		return nil, err
	}
	return &Client{transport: newTransport(settings)}, nil
}

// WithRequestID returns the same client, whose calls carry this request ID: Latchkey's log then names them by it. The
// copy shares the connections. An ID that Latchkey would replace is an error.
func (c *Client) WithRequestID(requestID string) (*Client, error) {
	if !isRequestID(requestID) {
		return nil, errors.New(
			"latchkey: a request ID must be 1 to 128 letters, digits, '.', '_' or '-', without a secret")
	}
	return &Client{c.transport, requestID}, nil
}

// Verify returns whether a credential is valid, has the scopes, and can pay the costs, which are taken.
//
// With an error, which is an *Error, there is no verdict: deny the request then.
func (c *Client) Verify(ctx context.Context, credential string, needs Needs) (*Verification, error) {
	requestID := c.requestID
	if requestID == "" {
		requestID = newRequestID()
	}
	response, err := c.transport.post(ctx, "/v1/verify", verifyBody(credential, needs), requestID)
	if err != nil {
		return nil, err
	}
	body, err := responseJSON(response)
	if err != nil {
		return nil, err
	}
	return readVerification(body, response.header.Get(headerRequestID))
}

// Close closes the connections that aren't in use. The process can end without it.
func (c *Client) Close() { c.transport.http.CloseIdleConnections() }

func verifyBody(credential string, needs Needs) []byte {
	cost, others := needs.cost()
	// The server rejects null in place of a list.
	scopes := append([]string{}, needs.Scopes...)
	body, err := json.Marshal(struct {
		Credential string           `json:"credential"`
		Scopes     []string         `json:"scopes"`
		Costs      map[string]int64 `json:"costs,omitempty"`
		Cost       int64            `json:"cost"`
	}{credential, scopes, others, cost})
	if err != nil {
		panic("latchkey: texts and numbers are always valid JSON")
	}
	return body
}

package latchkey

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"
)

const (
	// Latchkey closes a connection that is idle for 75 seconds. The client has to be the first to close it: otherwise a
	// call could be sent at the moment in which the server closes.
	keepAlive         = 30 * time.Second
	maxResponseBytes  = 1 << 20
	maxResponseHeader = 64 << 10
)

// received is a response that has been read.
type received struct {
	status int
	header http.Header
	body   []byte
	url    *url.URL
}

// transport sends calls over connections that it keeps open. It repeats no call that may have arrived, and follows no
// redirect, which would send the key to another server.
type transport struct {
	connection connection
	http       *http.Transport
}

func newTransport(settings connection) *transport {
	return &transport{connection: settings, http: &http.Transport{
		// net/http goes on connecting after a call has ended. A server that never responds to that would keep the
		// connection's place forever, and in the end all of them.
		DialContext:            (&net.Dialer{Timeout: settings.timeout}).DialContext,
		TLSHandshakeTimeout:    settings.timeout,
		MaxConnsPerHost:        settings.maxConnections,
		MaxIdleConnsPerHost:    settings.maxConnections,
		IdleConnTimeout:        keepAlive,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxResponseHeader,
		// HTTP/1.1 only: with HTTP/2, one connection would carry all calls, and be lost for all of them.
		TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{},
	}}
}

// post sends a JSON body, and returns the response. The error is an *Error.
func (t *transport) post(ctx context.Context, path string, body []byte, requestID string) (*received, error) {
	// One time for everything: to wait for a connection, to connect, to send, and to read the whole response.
	ctx, cancel := context.WithTimeout(ctx, t.connection.timeout)
	defer cancel()
	var isConnected atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { isConnected.Store(true) },
	})
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, t.connection.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, noResponse("The call can't be made.", nil)
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "latchkey-go")
	request.Header.Set(headerAPIKey, t.connection.credential.reveal())
	request.Header.Set(headerRequestID, requestID)
	request.Header.Set(headerTraceparent, traceparent(requestID))
	found, err := t.send(request)
	if err != nil {
		return nil, connectionFailure(err, request.URL.Host, isConnected.Load())
	}
	if len(found.body) > maxResponseBytes {
		return nil, unexpectedResponse("The response is too large.", found.status)
	}
	return found, nil
}

// send returns the response with at most one byte more than is allowed.
func (t *transport) send(request *http.Request) (*received, error) {
	// Not an http.Client: it follows redirects.
	response, err := t.http.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxResponseBytes+1))
	if err != nil {
		return nil, err
	}
	return &received{response.StatusCode, response.Header, body, request.URL}, nil
}

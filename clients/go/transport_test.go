package latchkey

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestAServerWithoutATrustedCertificateGetsNothing(t *testing.T) {
	calls := 0
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls++ }))
	server.Config.ErrorLog = slog.NewLogLogger(slog.NewTextHandler(io.Discard, nil), slog.LevelError)
	server.StartTLS()
	defer server.Close()
	guard := guardOf(t, Options{URL: server.URL, FailOpen: On, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	plain := httptest.NewServer(server.Config.Handler)
	defer plain.Close()
	for _, url := range []string{server.URL, strings.Replace(plain.URL, "http:", "https:", 1)} {
		_, err := clientOf(t, url).Verify(context.Background(), "x", Needs{})
		var failure *Error
		if !errors.As(err, &failure) || failure.Kind != UntrustedServer {
			t.Error(err)
		}
	}
	want(t, "status: it is no outage", visited(guard.RequireKey(Needs{})(nil), caller).Code, 503)
	want(t, "calls", calls, 0)
}

func TestFailuresOfTheConnection(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	answer := ""
	go func() {
		for connection, err := listener.Accept(); err == nil; connection, err = listener.Accept() {
			_, _ = connection.Read(make([]byte, 65536))
			_, _ = io.WriteString(connection, answer)
			_ = connection.Close()
		}
	}()
	for _, each := range []struct{ answer, message string }{
		{"", "closed the connection before it responded"},
		{"lks_secret\r\n\r\n", "cannot be reached, or doesn't speak HTTP."},
		{"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", maxResponseHeader) + "\r\n\r\n", "doesn't speak HTTP."},
		{"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1", "closed the connection before it responded"},
	} {
		answer = each.answer
		if _, err := clientOf(t, "http://"+address).Verify(context.Background(), "x", Needs{}); err == nil ||
			!strings.Contains(err.Error(), each.message) {
			t.Errorf("%.20s: %v", each.answer, err)
		}
	}
	_ = listener.Close()
	if _, err := clientOf(t, "http://"+address).Verify(context.Background(), "x", Needs{}); err == nil ||
		err.Error() != "latchkey: Nothing listens at "+address+"." {
		t.Error(err)
	}
}

func TestOneTimeBoundsACall(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "1")
		w.(http.Flusher).Flush()
		<-release
	}))
	defer server.Close()
	defer close(release)
	client, err := NewClient(Options{URL: server.URL, APIKey: own, Timeout: 50 * time.Millisecond, MaxConnections: 1})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.Verify(context.Background(), "x", Needs{})
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "did not respond in time") {
		t.Error(err)
	}
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err = client.Verify(canceled, "x", Needs{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestConnectionsAreKeptAndBounded(t *testing.T) {
	opened := atomic.Int32{}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", jsonType)
		w.Header().Set(headerRequestID, r.Header.Get(headerRequestID))
		_, _ = io.WriteString(w, verdict+"}")
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	client, err := NewClient(Options{URL: server.URL, APIKey: own, Timeout: 30 * time.Second, MaxConnections: 3})
	if err != nil {
		t.Fatal(err)
	}
	var calls sync.WaitGroup
	for range 50 {
		calls.Add(1)
		go func() {
			defer calls.Done()
			if _, err := client.Verify(context.Background(), "x", Needs{}); err != nil {
				t.Error(err)
			}
		}()
	}
	calls.Wait()
	if opened.Load() > 3 {
		t.Errorf("%d connections were opened", opened.Load())
	}
}

func TestAHandshakeThatHangsKeepsNoConnection(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	client, err := NewClient(Options{
		URL: "https://" + listener.Addr().String(), APIKey: own, Timeout: 100 * time.Millisecond, MaxConnections: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err = client.Verify(context.Background(), "x", Needs{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	hanging, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	// The server closes nothing, so only the client can end the attempt, and make room for the next one.
	_ = hanging.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err = io.Copy(io.Discard, hanging); err != nil {
		t.Error("the client keeps the connection:", err)
	}
}

package latchkey

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
)

const untrustedRemedy = "Check the host name in the URL. If the certificate is from your own authority, set " +
	"SSL_CERT_FILE to the authority's file. If the server has no TLS, use a URL that begins with http://."

// connectionFailure returns the failure behind an error of net/http. Its message names the host, and nothing that was
// sent or received.
func connectionFailure(err error, host string, isConnected bool) *Error {
	var unverified *tls.CertificateVerificationError
	var unknownHost *net.DNSError
	var timeout net.Error
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		return timedOut(host, isConnected)
	case errors.Is(err, context.Canceled):
		return noResponse("The call was canceled.", context.Canceled)
	case errors.As(err, &unverified):
		return untrusted("The certificate of " + host + " is invalid: " + unverified.Err.Error() + ".")
	case errors.Is(err, http.ErrSchemeMismatch), strings.Contains(err.Error(), "tls: "):
		return untrusted(host + " offers no TLS that this machine accepts.")
	case errors.As(err, &unknownHost):
		return noResponse(host+" has no address.", nil)
	case errors.Is(err, syscall.ECONNREFUSED):
		return noResponse("Nothing listens at "+host+".", nil)
	case isLost(err):
		return noResponse(host+" closed the connection before it responded.", nil)
	}
	// The error may repeat what came back.
	return noResponse(host+" cannot be reached, or doesn't speak HTTP.", nil)
}

func timedOut(host string, isConnected bool) *Error {
	if isConnected {
		return noResponse(host+" accepted the call but did not respond in time.", context.DeadlineExceeded)
	}
	return noResponse(host+" did not accept the connection in time.", context.DeadlineExceeded)
}

func untrusted(message string) *Error {
	return &Error{Kind: UntrustedServer, Message: redactTokens(message), Remedy: untrustedRemedy}
}

func isLost(err error) bool {
	for _, lost := range []error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, lost) {
			return true
		}
	}
	return strings.Contains(err.Error(), "server closed idle connection")
}

package metric

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/pulumiscale/pulumiscale/scale"
)

// mostRedirects is how many redirects are followed, all on one host.
const mostRedirects = 5

// newClient makes a client that asks with the headers and the TLS settings of an access. The client refuses what cannot
// be an answer: see checkAnswer.
func newClient(access scale.Access, secrets map[string]string) (*http.Client, error) {
	header, err := headerFor(access, secrets)
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 1
	if transport.TLSClientConfig, err = tlsFor(access, secrets); err != nil {
		return nil, err
	}
	return &http.Client{
		Transport: &asking{header: header, next: transport},
		Timeout:   Timeout,
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			first := via[0].URL
			if r.URL.Scheme != first.Scheme || r.URL.Host != first.Host {
				return fmt.Errorf("the server redirects to another one, %s://%s, which gets no credentials", r.URL.Scheme, r.URL.Host)
			}
			if len(via) > mostRedirects {
				return fmt.Errorf("the server redirects more than %d times", mostRedirects)
			}
			return nil
		},
	}, nil
}

// secretOf returns the value of a key of the configuration. The error says that the configuration has none.
func secretOf(key string, secrets map[string]string) (string, error) {
	if value := secrets[key]; value != "" {
		return value, nil
	}
	return "", fmt.Errorf("the stack's configuration has no value for the key %q", key)
}

// headerFor returns the headers of an access, with its credentials.
func headerFor(access scale.Access, secrets map[string]string) (http.Header, error) {
	header := http.Header{}
	for name, h := range access.Headers {
		value := h.Value
		if h.Key != "" {
			var err error
			if value, err = secretOf(h.Key, secrets); err != nil {
				return nil, err
			}
		}
		header.Set(name, value)
	}
	switch {
	case access.BearerKey != "":
		token, err := secretOf(access.BearerKey, secrets)
		if err != nil {
			return nil, err
		}
		header.Set("Authorization", "Bearer "+strings.TrimSpace(token))
	case access.BasicKey != "":
		login, err := secretOf(access.BasicKey, secrets)
		if err != nil {
			return nil, err
		}
		name, password, ok := strings.Cut(login, ":")
		if !ok {
			return nil, fmt.Errorf("the value for the key %q must be a name and a password with a colon in between", access.BasicKey)
		}
		r := &http.Request{Header: header}
		r.SetBasicAuth(name, password)
	}
	for name, values := range header {
		if strings.ContainsAny(values[0], "\r\n\x00") {
			return nil, fmt.Errorf("the value of the header %s has more than one line", name)
		}
	}
	return header, nil
}

// tlsFor returns the TLS settings of an access.
func tlsFor(access scale.Access, secrets map[string]string) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if access.CAKey != "" {
		text, err := secretOf(access.CAKey, secrets)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM([]byte(text)) {
			return nil, fmt.Errorf("the value for the key %q holds no certificate in PEM", access.CAKey)
		}
	}
	if access.CertificateKey != "" {
		text, err := secretOf(access.CertificateKey, secrets)
		if err != nil {
			return nil, err
		}
		certificate, err := tls.X509KeyPair([]byte(text), []byte(text))
		if err != nil {
			return nil, fmt.Errorf("the value for the key %q must hold a certificate and its private key in PEM: %w", access.CertificateKey, err)
		}
		config.Certificates = []tls.Certificate{certificate}
	}
	return config, nil
}

// asking adds the headers of an access, and refuses answers that hold no JSON or too much of it.
type asking struct {
	header http.Header
	next   *http.Transport
}

func (a *asking) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	for name, values := range a.header {
		if strings.EqualFold(name, "Host") {
			r.Host = values[0]
		}
		r.Header[name] = values
	}
	resp, err := a.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = &limited{ReadCloser: resp.Body, left: largestAnswer}
	if err := checkAnswer(r.Method, resp); err != nil {
		_ = resp.Body.Close()
		return nil, err
	}
	return resp, nil
}

// checkAnswer returns an error for a response that cannot be used. These responses can be used: JSON, even if it tells
// of an error; a redirect; and a refusal of POST after which the client asks by GET. Any other refusal of the
// credentials is an [*AccessError].
func checkAnswer(method string, resp *http.Response) error {
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	isJSON := kind == "application/json" || strings.HasSuffix(kind, "+json")
	switch status := resp.StatusCode; {
	case method == http.MethodPost && slices.Contains([]int{http.StatusForbidden, http.StatusMethodNotAllowed, http.StatusNotImplemented}, status):
		return nil
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusProxyAuthRequired:
		return &AccessError{Status: resp.Status}
	case status >= 300 && status < 400 || isJSON:
		return nil
	case status >= 400:
		return errors.New("the server answers " + resp.Status)
	}
	return fmt.Errorf("the answer is %s and not JSON: is this the right address, and no page of a proxy?", describe(kind))
}

func describe(kind string) string {
	if kind == "" {
		return "of no type"
	}
	return kind
}

// limited is the body of a response. Once more than left bytes have been read, reading fails.
type limited struct {
	io.ReadCloser
	left int
}

func (l *limited) Read(p []byte) (int, error) {
	if l.left < 0 {
		return 0, fmt.Errorf("the answer is larger than %d bytes", largestAnswer)
	}
	n, err := l.ReadCloser.Read(p[:min(len(p), l.left+1)])
	l.left -= n
	return n, err
}

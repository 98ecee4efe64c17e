package backend

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
)

// answers is a proxy in front of an S3 server, which can answer requests in the server's place. It answers with the
// errors that S3 documents, in S3's form (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html). The S3
// server of the tests gives none of these errors by itself.
type answers struct {
	server *http.Server
	proxy  *httputil.ReverseProxy
	addr   string

	// mu guards the error that is answered, the method that is answered with it (empty: all methods), and how often it
	// is still answered (less than 0: always).
	mu           sync.Mutex
	status       int
	code, method string
	left         int
}

func newAnswers(target string) (*answers, error) {
	listener, err := listen()
	if err != nil {
		return nil, err
	}
	a := &answers{addr: listener.Addr().String()}
	// The host stays the same, since the client has signed it.
	a.proxy = &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: target})
		r.Out.Host = r.In.Host
	}}
	a.server = &http.Server{Handler: a} //nolint:gosec // it is for tests on this machine
	go func() { _ = a.server.Serve(listener) }()
	return a, nil
}

func (a *answers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	answer := a.left != 0 && (a.method == "" || a.method == r.Method)
	if answer && a.left > 0 {
		a.left--
	}
	status, code := a.status, a.code
	a.mu.Unlock()
	if !answer {
		a.proxy.ServeHTTP(w, r)
		return
	}
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>%s</Code><Message>%s, for a test</Message><RequestId>7</RequestId></Error>", code, code)
}

// Answer makes the S3 server of a place answer requests of a method (empty: of all methods) with an error. times is how
// often (less than 0: until the next call of Answer).
func (p *Place) Answer(status int, code, method string, times int) {
	p.answers.mu.Lock()
	defer p.answers.mu.Unlock()
	p.answers.status, p.answers.code, p.answers.method, p.answers.left = status, code, method, times
}

//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/pulumiscale/pulumiscale/e2e/lab"
)

// attack is what is sent over one connection, and what may be answered.
type attack struct {
	// name tells it from the others of its kind.
	name string
	// text is what is sent, to the byte.
	text string
	// want are the statuses that the first answer may have. then are those that further answers on the same connection
	// may have.
	want, then []int
	// plain says that the answer may be the HTTP library's own, in plain text, because what was sent is no request that
	// could be routed.
	plain bool
	// half says that the sender sends no more and tells the server so.
	half bool
	// delta is by how much the attack moves the pool of deltas if it is accepted. key is its identity: all attacks that
	// have it make one operation.
	delta int
	key   string
}

// kind is a kind of attacks.
type kind struct {
	name    string
	attacks []attack
}

// The headers of most requests.
const (
	hostHeader = "Host: pulumiscale.test"
	withToken  = "Authorization: Bearer " + lab.Token
	asJSON     = "Content-Type: application/json"
)

// ask is a request without the token. It asks the server to close the connection after its answer.
func ask(line, body string, headers ...string) string {
	return raw(line+" HTTP/1.1", body, append([]string{hostHeader, "Connection: close"}, headers...)...)
}

// known is a request with the token.
func known(line, body string, headers ...string) string {
	return ask(line, body, append([]string{withToken}, headers...)...)
}

// posted is JSON with the token.
func posted(path, body string, headers ...string) string {
	return known("POST "+path, body, append([]string{asJSON}, headers...)...)
}

// raw is a request of nothing but what is given, with the length of its body if it has one.
func raw(line, body string, headers ...string) string {
	var text strings.Builder
	text.WriteString(line + "\r\n")
	for _, header := range headers {
		text.WriteString(header + "\r\n")
	}
	if body != "" {
		fmt.Fprintf(&text, "Content-Length: %d\r\n", len(body))
	}
	text.WriteString("\r\n" + body)
	return text.String()
}

// answer is one answer.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// reply is all that came back over one connection.
type reply struct {
	answers []answer
	// err is why no more could be read. It is nil if the server has closed the connection after a whole answer, or has
	// nothing more to say.
	err error
}

const (
	// answerTimeout is how long the first answer may take. It is longer than the server's own limits.
	answerTimeout = 40 * time.Second
	// quietFor is how long a connection that stays open is listened to for more answers.
	quietFor = time.Second
	// closesIn is how long the server may take to close a connection that it says it closes.
	closesIn = 5 * time.Second
)

// send sends an attack to an address and returns what came back.
func send(ctx context.Context, address string, a attack) reply {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return reply{err: err}
	}
	defer func() { _ = conn.Close() }()
	return exchange(conn, a)
}

// exchange sends an attack over a connection and returns what came back.
func exchange(conn net.Conn, a attack) reply {
	sent := make(chan struct{})
	go func() { // the server may answer before it has read everything
		defer close(sent)
		_, err := io.WriteString(conn, a.text)
		if half, ok := conn.(*net.TCPConn); ok && err == nil && a.half {
			_ = half.CloseWrite()
		}
	}()
	var r reply
	r.answers, r.err = readAnswers(conn, a)
	_ = conn.Close()
	<-sent
	return r
}

func readAnswers(conn net.Conn, a attack) (answers []answer, err error) {
	method, _, _ := strings.Cut(a.text, " ")
	in := bufio.NewReader(conn)
	_ = conn.SetReadDeadline(time.Now().Add(answerTimeout))
	for {
		if _, err := in.Peek(1); err != nil {
			if len(answers) > 0 && (errors.Is(err, io.EOF) || isTimeout(err) && answers[len(answers)-1].header.Get("Connection") != "close") {
				return answers, nil
			}
			return answers, err
		}
		if len(answers) > 0 {
			method = "" // nobody can tell what it answers
		}
		got, err := readAnswer(in, method)
		if err != nil {
			return answers, err
		}
		if got.status >= http.StatusOK {
			answers = append(answers, got)
		}
		wait := quietFor
		if got.header.Get("Connection") == "close" {
			wait = closesIn
		}
		if got.status < http.StatusOK {
			wait = answerTimeout
		}
		_ = conn.SetReadDeadline(time.Now().Add(wait))
	}
}

func readAnswer(in *bufio.Reader, method string) (answer, error) {
	got, err := http.ReadResponse(in, &http.Request{Method: method})
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = got.Body.Close() }()
	body, err := io.ReadAll(got.Body)
	if got.Close {
		got.Header.Set("Connection", "close")
	}
	return answer{status: got.StatusCode, header: got.Header, body: body}, err
}

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout()
}

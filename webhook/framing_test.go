package webhook

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// A proxy may go by a body's length if the server goes by its chunks, or the other way round. What comes after such a
// request on its connection may then be another one's request, behind a line of the attacker's.
func TestNothingComesAfterARequestOfTwoLengths(t *testing.T) {
	const rest = "0\r\n\r\nPOST " + pathScale + "?delta=25 HTTP/1.1\r\nX: GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + tokenA + "\r\n\r\n"
	for name, head := range map[string]string{
		"a stranger's":    "POST " + pathScale + " HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
		"with the token":  "POST " + pathScale + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + tokenA + "\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n",
		"of a probe":      "POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
		"to nowhere":      "POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
		"of no real body": "GET /status HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			conn, err := net.Dial("tcp", listening(t, NewHTTPServer(r.handler, r.Log)).String())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
			if _, err := io.WriteString(conn, head+rest); err != nil {
				t.Fatal(err)
			}
			in := bufio.NewReader(conn)
			first, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, first.Body); err != nil {
				t.Error(err)
			}
			_ = first.Body.Close()
			if second, err := http.ReadResponse(in, nil); err == nil {
				_ = second.Body.Close()
				t.Errorf("what came after it was answered with %s", second.Status)
			} else if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Log(err) // a reset is fine as well: the rest was not read
			}
		})
	}
}

func TestTwoKeysAreNoKey(t *testing.T) {
	serving(t, func(_ *testing.T, r *rig) {
		request := httptest.NewRequest(http.MethodPost, pathScale+"?delta=1", http.NoBody)
		request.Header["Authorization"], request.Header["Idempotency-Key"] = []string{"Bearer " + tokenA}, []string{"k1", "k2"}
		r.send(request).is(400, `"field":"Idempotency-Key"`, "twice")
		r.stack.wantUntouched()
	})
}

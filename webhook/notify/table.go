package notify

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/pulumiscale/pulumiscale/scale/notice"
)

// kind is one kind of listener: how a notice becomes a request.
type kind struct {
	name string
	// signs says that messages are signed, so that the setting must name a secret.
	signs bool
	// troublesOnly says that the kind knows nothing but troubles that begin and end.
	troublesOnly bool
	// resends says that listeners of the kind must be told again of troubles that last.
	resends bool
	// path is added to the address, unless the address ends with it already.
	path string
	// events returns the kinds of notices that a listener of this kind is told of by default.
	events func() []notice.Kind
	// write makes the message for a mail.
	write func(m mail) (message, error)
}

// mail is what is to be told in one message to one listener.
type mail struct {
	// notices has one notice, or the notices of all troubles that last.
	notices []notice.Notice
	// wants are the kinds of notices that the listener is told of.
	wants []notice.Kind
	// id is the same at every try of the same notice. It is empty if the mail tells again of the troubles that last.
	id     string
	at     time.Time
	access access
}

// message is a request's body with its media type, and further headers. It is empty if there is nothing to send.
type message struct {
	body   []byte
	media  string
	header http.Header
}

// table returns every kind of listener.
func table() []kind {
	return []kind{webhookKind(), slackKind(), teamsKind(), alertmanagerKind()}
}

func kindOf(name string) (kind, bool) {
	all := table()
	if at := slices.IndexFunc(all, func(k kind) bool { return k.name == name }); at >= 0 {
		return all[at], true
	}
	return kind{events: notice.Kinds}, false
}

func kindNames() string {
	var names []string
	for _, k := range table() {
		names = append(names, k.name)
	}
	return strings.Join(names, ", ")
}

// allButScaled returns the kinds of notices that people are told of by default: all but successful scalings, which the
// status page shows.
func allButScaled() []notice.Kind {
	return slices.DeleteFunc(notice.Kinds(), func(k notice.Kind) bool { return k == notice.Scaled })
}

package dialect

import (
	"net/http"
	"slices"
	"strings"
)

// Dialect describes what one kind of sender sends. Several dialects may share a path: then their Counted, MediaHint and
// Direct are the same.
type Dialect struct {
	// Name is the source of the dialect's intents, and the name of the folder of its payloads, testdata/NAME.
	Name string
	// Sender is what people call the sender, in hints and in docs/senders.md.
	Sender string
	// Counted is the dialect's name in the metrics.
	Counted string
	// Paths are the paths to which payloads of the dialect are posted, in the form of [http.ServeMux]. The first path
	// is told to a sender that used the path of a different dialect.
	Paths []string
	// Media are the media types that the dialect's bodies have. MediaHint tells the sender what to do about a body of a
	// different media type.
	Media     []string
	MediaHint string
	// Signature says who signs the payload, so that it is known to be the sender's.
	Signature Signature
	// Header is a header that only this dialect's requests have, whatever is in the body. It may be empty.
	Header string
	// Is says whether a body seems to be of this dialect. It does not say that the body is valid.
	Is func(Object) bool
	// Like is what the error calls a body of this dialect that was posted to a path of a different dialect.
	Like string
	// A Direct dialect asks for a count or a delta itself. If no rule names the pool of its request, the rules are
	// always read again before the request is refused. The request may be answered when the scaling is done, or with
	// what the scaling would do.
	Direct bool
	// Decode reads a body, whose signature has been checked. The error is a [*BadRequestError].
	Decode func(Body, Route) (Delivery, error)
}

// Signature says who signs a payload, besides the token that every request bears.
type Signature int

const (
	// Unsigned is a payload that nobody signs: only the request's token proves who sent it.
	Unsigned Signature = iota
	// SignedBySNS is a payload in an envelope that Amazon SNS signs.
	SignedBySNS
)

// Table returns the table of all dialects. The last dialect of a path gets every body that no other dialect of the path
// recognizes. The error for a body that came to the wrong path names the first dialect here that recognizes the body.
func Table() []Dialect {
	return []Dialect{eventBridge(), lambda(), cloudWatch(), grafana(), alertmanager(), azure(), google(), plainSignal(), direct()}
}

// inJSON returns the media types of a dialect whose payloads are sent as JSON.
func inJSON() []string { return []string{"application/json"} }

// Inbox is a path, and the dialects that are posted to it.
type Inbox struct {
	Path string
	// Media are the media types of the path's dialects, and [CloudEventMedia] for an envelope around their bodies.
	Media []string
	// Rest is the dialect of every body that none of the others recognizes. Whatever all dialects of the path have in
	// common is read from Rest.
	Rest   Dialect
	others []Dialect
}

// Inboxes returns an [Inbox] for each path of the dialects.
func Inboxes() []Inbox {
	var out []Inbox
	for _, d := range Table() {
		for _, path := range d.Paths {
			i := slices.IndexFunc(out, func(in Inbox) bool { return in.Path == path })
			if i < 0 {
				out = append(out, Inbox{Path: path, Media: append(slices.Clone(d.Media), CloudEventMedia), Rest: d})
				continue
			}
			in := &out[i]
			in.others, in.Rest = append(in.others, in.Rest), d
			in.Media = slices.Compact(slices.Sorted(slices.Values(slices.Concat(in.Media, d.Media))))
		}
	}
	return out
}

// dialects returns all dialects that are posted to the path.
func (in Inbox) dialects() []Dialect { return append(slices.Clip(in.others), in.Rest) }

// Recognize returns the dialect of a request. It recognizes the dialect by a header or, without one, by the body. If it
// recognizes none, it returns Rest.
func (in Inbox) Recognize(header http.Header, body Body) Dialect {
	for _, d := range in.dialects() {
		if d.Header != "" && header.Get(d.Header) != "" {
			return d
		}
	}
	if o, err := body.Object(); err == nil {
		for _, d := range in.others {
			if d.Is(o) {
				return d
			}
		}
	}
	return in.Rest
}

// Directory lists, for people, which senders post to which path.
func Directory() string {
	var lines []string
	for _, in := range Inboxes() {
		var senders []string
		for _, d := range in.dialects() {
			senders = append(senders, d.Sender)
		}
		lines = append(lines, strings.Join(senders, ", ")+": "+strings.ReplaceAll(in.Path, "{pool}", "POOL"))
	}
	return strings.Join(lines, "; ")
}

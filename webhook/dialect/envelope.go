package dialect

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

// Letter is a body that was taken out of its envelopes.
type Letter struct {
	Body Body
	// Key distinguishes the message from all others. It is made from the outermost envelope, and is empty if there was
	// no envelope.
	Key string
	// Acknowledge says that the sender sends a message again after every answer but a success, for as long as it keeps
	// the message. So a final refusal must be answered with the status of a success, and with the reason in the body.
	Acknowledge bool
}

// envelope is one kind of envelope, around any dialect.
type envelope struct {
	// is says whether a body, or a request by its header, has the envelope.
	is func(http.Header, Object) bool
	// open returns the body inside the envelope, and a key that distinguishes the message from others. The error is a
	// [*BadRequestError].
	open func(http.Header, Body) (content Body, key string, err error)
	// acknowledge is the value for [Letter.Acknowledge].
	acknowledge bool
}

// envelopes is the table of all envelopes. An envelope may hold a different one: Eventarc puts a CloudEvent around a
// Pub/Sub message.
func envelopes() []envelope { return []envelope{cloudEvent(), pubSub(), pubSubUnwrapped()} }

// CloudEventMedia is the media type of a CloudEvent in structured mode.
const CloudEventMedia = "application/cloudevents+json"

// Open takes a body out of its envelopes. It opens each kind of envelope at most once. The error is a
// [*BadRequestError]. Even with an error, the letter says in Acknowledge how a refusal is answered.
func Open(header http.Header, body Body) (Letter, error) {
	letter := Letter{Body: body}
	for left := envelopes(); ; {
		o, _ := letter.Body.Object()
		at := -1
		for i, e := range left {
			if e.is(header, o) {
				at = i
				break
			}
		}
		if at < 0 {
			return letter, nil
		}
		e := left[at]
		letter.Acknowledge = letter.Acknowledge || e.acknowledge
		content, key, err := e.open(header, letter.Body)
		if err != nil {
			return letter, err
		}
		letter.Body = content
		if letter.Key == "" {
			letter.Key = key
		}
		left = append(left[:at:at], left[at+1:]...)
	}
}

// digest makes a short key from texts that may be long and may hold any characters.
func digest(kind string, parts ...string) string {
	hash := sha256.New()
	for _, part := range parts {
		hash.Write([]byte(part + "\x00"))
	}
	return kind + "/" + hex.EncodeToString(hash.Sum(nil)[:16])
}

// cloudEvent is a CloudEvent, version 1.0, in structured mode as JSON, or in binary mode. In binary mode its attributes
// are headers, and the body is the payload alone.
func cloudEvent() envelope {
	return envelope{
		is: func(header http.Header, o Object) bool {
			return header.Get("Ce-Specversion") != "" || isCloudEventMedia(header) || o.Has("specversion")
		},
		open: openCloudEvent,
	}
}

func isCloudEventMedia(header http.Header) bool {
	media, _, _ := mime.ParseMediaType(header.Get("Content-Type"))
	return media == CloudEventMedia
}

func openCloudEvent(header http.Header, body Body) (Body, string, error) {
	if header.Get("Ce-Specversion") != "" && !isCloudEventMedia(header) {
		attribute := func(name string) string { // percent-encoded: "HTTP Protocol Binding for CloudEvents", 3.1.3.2
			value := header.Get("Ce-" + name)
			if decoded, err := url.PathUnescape(value); err == nil {
				return decoded
			}
			return value
		}
		key, err := eventIdentity("ce-", attribute)
		return body, key, err
	}
	o, err := body.Object()
	if err != nil {
		return Body{}, "", err
	}
	key, err := eventIdentity("", o.mention)
	if err != nil {
		return Body{}, "", err
	}
	if media := o.mention("datacontenttype"); media != "" && !isJSON(media) {
		return Body{}, "", BadRequest("datacontenttype", "is %q; the event must carry JSON", Shown(media))
	}
	encoded := o.Optional("data_base64")
	switch {
	case o.Err() != nil:
		return Body{}, "", o.Err()
	case encoded != nil && o.Has("data"):
		return Body{}, "", BadRequest("data_base64", "stands beside data; an event has one of them")
	case encoded != nil:
		content, err := decodeBase64("data_base64", *encoded)
		return content, key, err
	case !o.Has("data"):
		return Body{empty: true, err: BadRequest("data", "is missing")}, key, nil
	}
	inner, err := newObject("data", o.members["data"])
	return Body{object: inner, err: err}, key, err
}

// eventIdentity makes the key of a CloudEvent from its attributes: by the specification, source and id together are
// unique.
func eventIdentity(prefix string, attribute func(name string) string) (string, error) {
	if version := attribute("specversion"); version != "1.0" {
		return "", BadRequest(prefix+"specversion", "is %q; it must be \"1.0\"", Shown(version))
	}
	for _, name := range []string{"id", "source", "type"} {
		if attribute(name) == "" {
			return "", BadRequest(prefix+name, "is missing")
		}
	}
	return digest("cloudevent", attribute("source"), attribute("id")), nil
}

func isJSON(mediaType string) bool {
	media, _, err := mime.ParseMediaType(mediaType)
	return err == nil && (media == "application/json" || strings.HasSuffix(media, "+json"))
}

func decodeBase64(field, text string) (Body, error) {
	decoded, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return Body{}, BadRequest(field, "is not base64")
	}
	return Parse(decoded), nil
}

// pubSub is a push message of Google Cloud Pub/Sub.
func pubSub() envelope {
	return envelope{
		is: func(_ http.Header, o Object) bool { return o.Has("message") && o.Has("subscription") },
		open: func(_ http.Header, body Body) (Body, string, error) {
			o, err := body.Object()
			if err != nil {
				return Body{}, "", err
			}
			message := o.child("message")
			id, data := message.Required("messageId"), message.Required("data")
			if err := o.Err(); err != nil {
				return Body{}, "", err
			}
			content, err := decodeBase64("message.data", data)
			return content, digest("pubsub", o.mention("subscription"), id), err
		},
		acknowledge: true,
	}
}

// pubSubUnwrapped is a message of a subscription with payload unwrapping: the body is the payload, and the headers hold
// the metadata if the subscription writes them.
func pubSubUnwrapped() envelope {
	const id, subscription = "X-Goog-Pubsub-Message-Id", "X-Goog-Pubsub-Subscription-Name"
	return envelope{
		is: func(header http.Header, _ Object) bool { return header.Get(id) != "" },
		open: func(header http.Header, body Body) (Body, string, error) {
			return body, digest("pubsub", header.Get(subscription), header.Get(id)), nil
		},
		acknowledge: true,
	}
}

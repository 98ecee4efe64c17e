package sns

import (
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/pulumiscale/pulumiscale/webhook/dialect"
)

// The types of SNS messages.
const (
	Notification             = "Notification"
	SubscriptionConfirmation = "SubscriptionConfirmation"
	UnsubscribeConfirmation  = "UnsubscribeConfirmation"
)

// Message is a message of Amazon SNS, as it stands in the envelope. Nothing in it may be trusted before
// [Verifier.Verify].
type Message struct {
	Type, MessageID, TopicARN string
	// Subject is nil if the message has none: an empty subject is signed, and a missing one is not. Only a notification
	// can have a subject.
	Subject *string
	Message string
	// Timestamp is when the message was published, as a text, and Time is what that text says.
	Timestamp string
	Time      time.Time
	// SubscribeURL and Token are empty in a notification.
	SubscribeURL, Token                         string
	SignatureVersion, Signature, SigningCertURL string
}

// Parse opens the envelope of an SNS message. It checks only the form. The error is a [*dialect.BadRequestError].
//
// The form is described in the SNS developer guide, "Parsing Amazon SNS message formats".
func Parse(body dialect.Body, header http.Header) (*Message, error) {
	if strings.EqualFold(header.Get(dialect.SNSRawDelivery), "true") {
		return nil, dialect.BadRequest("body", "was sent by raw message delivery, which leaves out the signature; turn it off in the subscription")
	}
	o, err := body.Object()
	if err != nil {
		return nil, err
	}
	if !o.Has("Type") || !o.Has("TopicArn") || !o.Has("MessageId") {
		return nil, dialect.WrongDialect(o, "body", "an Amazon SNS message, and no alarm's event")
	}
	m := &Message{
		Type: o.Required("Type"), MessageID: o.Required("MessageId"), TopicARN: o.Required("TopicArn"),
		Message: o.Text("Message"), Timestamp: o.Required("Timestamp"),
		SignatureVersion: o.Required("SignatureVersion"), Signature: o.Required("Signature"), SigningCertURL: o.Required("SigningCertURL"),
	}
	if !o.Has("Message") {
		o.Fail("Message", "is missing")
	}
	switch m.Type {
	case Notification:
		m.Subject = o.Optional("Subject")
	case SubscriptionConfirmation, UnsubscribeConfirmation:
		m.SubscribeURL, m.Token = o.Required("SubscribeURL"), o.Required("Token")
	default:
		o.Fail("Type", "is %q; it must be %s, %s or %s", dialect.Shown(m.Type),
			Notification, SubscriptionConfirmation, UnsubscribeConfirmation)
	}
	m.checkForm(o)
	return m, o.Err()
}

const longestMessageID = 100

var (
	messageID = regexp.MustCompile(`^[0-9A-Za-z-]+$`)
	// A line break in a signed field could give two different messages the same signed text.
	lineBreak = regexp.MustCompile(`[\r\n]`)
)

// checkForm notes the first field that SNS would not have sent in that form.
func (m *Message) checkForm(o dialect.Object) {
	var err error
	if m.Time, err = time.Parse(time.RFC3339, m.Timestamp); err != nil {
		o.Fail("Timestamp", "must be a time as in RFC 3339")
	}
	if len(m.MessageID) > longestMessageID || !messageID.MatchString(m.MessageID) {
		o.Fail("MessageId", "must be at most %d letters, digits and dashes", longestMessageID)
	}
	fields := []struct{ name, text string }{
		{"TopicArn", m.TopicARN}, {"SubscribeURL", m.SubscribeURL}, {"Token", m.Token},
	}
	if m.Subject != nil {
		fields = append(fields, struct{ name, text string }{"Subject", *m.Subject})
	}
	for _, field := range fields {
		if lineBreak.MatchString(field.text) {
			o.Fail(field.name, "must not hold a line break")
		}
	}
	if m.SignatureVersion != "1" && m.SignatureVersion != "2" {
		o.Fail("SignatureVersion", "is %q; it must be \"1\" or \"2\"", dialect.Shown(m.SignatureVersion))
	}
}

// signed returns the text that SNS signs: the names and values of certain fields, each on a line, in the order of the
// names' bytes. See the SNS developer guide, "Verifying the signatures of Amazon SNS messages".
func (m *Message) signed() string {
	var text strings.Builder
	add := func(name, value string) { text.WriteString(name + "\n" + value + "\n") }
	add("Message", m.Message)
	add("MessageId", m.MessageID)
	if m.Type == Notification {
		if m.Subject != nil {
			add("Subject", *m.Subject)
		}
		add("Timestamp", m.Timestamp)
	} else {
		add("SubscribeURL", m.SubscribeURL)
		add("Timestamp", m.Timestamp)
		add("Token", m.Token)
	}
	add("TopicArn", m.TopicARN)
	add("Type", m.Type)
	return text.String()
}

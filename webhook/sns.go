package webhook

import (
	"net/http"
	"regexp"
	"strings"
	"time"
)

// The types of SNS messages.
const (
	SNSNotification             = "Notification"
	SNSSubscriptionConfirmation = "SubscriptionConfirmation"
	SNSUnsubscribeConfirmation  = "UnsubscribeConfirmation"
)

// SNSMessage is a message of Amazon SNS, as it stands in the envelope. Nothing in it may be trusted before
// [Verifier.Verify].
type SNSMessage struct {
	Type, MessageID, TopicARN string
	// Subject is nil if the message has none. An empty one is signed. Only a notification has one.
	Subject *string
	Message string
	// Timestamp is when the message was published, as a text, and Time is what that text says.
	Timestamp string
	Time      time.Time
	// SubscribeURL and Token are empty in a notification.
	SubscribeURL, Token                         string
	SignatureVersion, Signature, SigningCertURL string
}

// rawDelivery is the header by which SNS says that it left the envelope out.
const rawDelivery = "X-Amz-Sns-Rawdelivery"

// ParseSNS opens the envelope of an SNS message. It checks only the form. The error is a [*BadRequestError].
//
// The form is described in the SNS developer guide, "Parsing Amazon SNS message formats".
func ParseSNS(body []byte, header http.Header) (*SNSMessage, error) {
	if strings.EqualFold(header.Get(rawDelivery), "true") {
		return nil, badRequest("body", "was sent by raw message delivery, which leaves out the signature; turn it off in the subscription")
	}
	o, err := parseObject(body)
	if err != nil {
		return nil, err
	}
	if !o.has("Type") || !o.has("TopicArn") || !o.has("MessageId") {
		return nil, wrongDialect(o, "body", "an Amazon SNS message, and no alarm's event")
	}
	m := &SNSMessage{
		Type: o.required("Type"), MessageID: o.required("MessageId"), TopicARN: o.required("TopicArn"),
		Message: o.text("Message"), Timestamp: o.required("Timestamp"),
		SignatureVersion: o.required("SignatureVersion"), Signature: o.required("Signature"), SigningCertURL: o.required("SigningCertURL"),
	}
	if !o.has("Message") {
		o.fail("Message", "is missing")
	}
	switch m.Type {
	case SNSNotification:
		if subject, ok := take[string](o, "Subject", "a string"); ok {
			m.Subject = &subject
		}
	case SNSSubscriptionConfirmation, SNSUnsubscribeConfirmation:
		m.SubscribeURL, m.Token = o.required("SubscribeURL"), o.required("Token")
	default:
		o.fail("Type", "is %q; it must be %s, %s or %s", oneLine(m.Type, maxShown),
			SNSNotification, SNSSubscriptionConfirmation, SNSUnsubscribeConfirmation)
	}
	m.checkForm(o)
	return m, o.err()
}

const longestMessageID = 100

var (
	messageID = regexp.MustCompile(`^[0-9A-Za-z-]+$`)
	// A line break in a signed field would let the lines of one message be read as those of another.
	lineBreak = regexp.MustCompile(`[\r\n]`)
)

// checkForm notes the first field that SNS would not have sent in that form.
func (m *SNSMessage) checkForm(o object) {
	var err error
	if m.Time, err = time.Parse(time.RFC3339, m.Timestamp); err != nil {
		o.fail("Timestamp", "must be a time as in RFC 3339")
	}
	if len(m.MessageID) > longestMessageID || !messageID.MatchString(m.MessageID) {
		o.fail("MessageId", "must be at most %d letters, digits and dashes", longestMessageID)
	}
	fields := []struct{ name, text string }{
		{"TopicArn", m.TopicARN}, {"SubscribeURL", m.SubscribeURL}, {"Token", m.Token},
	}
	if m.Subject != nil {
		fields = append(fields, struct{ name, text string }{"Subject", *m.Subject})
	}
	for _, field := range fields {
		if lineBreak.MatchString(field.text) {
			o.fail(field.name, "must not hold a line break")
		}
	}
	if m.SignatureVersion != "1" && m.SignatureVersion != "2" {
		o.fail("SignatureVersion", "is %q; it must be \"1\" or \"2\"", oneLine(m.SignatureVersion, maxShown))
	}
}

// signed is the text that SNS signs: the names and values of certain fields, each on a line, in the order of the names'
// bytes. See the SNS developer guide, "Verifying the signatures of Amazon SNS messages".
func (m *SNSMessage) signed() string {
	var text strings.Builder
	add := func(name, value string) { text.WriteString(name + "\n" + value + "\n") }
	add("Message", m.Message)
	add("MessageId", m.MessageID)
	if m.Type == SNSNotification {
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

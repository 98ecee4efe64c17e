package sns

import (
	"testing"

	"github.com/pulumiscale/pulumiscale/webhook/sns/snstest"
)

func TestHostsOfTopics(t *testing.T) {
	cases := map[string]string{
		"arn:aws:sns:us-east-1:123456789012:a":                "sns.us-east-1.amazonaws.com",
		"arn:aws:sns:ap-southeast-5:123456789012:A_b-9":       "sns.ap-southeast-5.amazonaws.com",
		"arn:aws:sns:mx-central-1:123456789012:a.fifo":        "sns.mx-central-1.amazonaws.com",
		"arn:aws-cn:sns:cn-north-1:123456789012:a":            "sns.cn-north-1.amazonaws.com.cn",
		"arn:aws-us-gov:sns:us-gov-west-1:123456789012:a":     "sns.us-gov-west-1.amazonaws.com",
		"arn:aws-iso:sns:us-iso-east-1:123456789012:a":        "sns.us-iso-east-1.c2s.ic.gov",
		"arn:aws-iso-b:sns:us-isob-east-1:123456789012:a":     "sns.us-isob-east-1.sc2s.sgov.gov",
		"arn:aws-iso-e:sns:eu-isoe-west-1:123456789012:a":     "sns.eu-isoe-west-1.cloud.adc-e.uk",
		"arn:aws-iso-f:sns:us-isof-south-1:123456789012:a":    "sns.us-isof-south-1.csp.hci.ic.gov",
		"arn:aws-eusc:sns:eusc-de-east-1:123456789012:a":      "sns.eusc-de-east-1.amazonaws.eu",
		"arn:aws:sns:s3-us-west-2:123456789012:a":             "",
		"arn:aws:sns:s3:123456789012:a":                       "",
		"arn:aws:sns:us-east-1.evil.com:123456789012:a":       "",
		"arn:aws:sns:us-east-1/:123456789012:a":               "",
		"arn:aws:sns:cn-north-1:123456789012:a":               "",
		"arn:aws:sns:us-gov-west-1:123456789012:a":            "",
		"arn:aws-cn:sns:us-east-1:123456789012:a":             "",
		"arn:aws-us-gov:sns:us-gov-s3-west-1:123456789012:a":  "",
		"arn:aws-none:sns:us-east-1:123456789012:a":           "",
		"arn:aws:sqs:us-east-1:123456789012:a":                "",
		"arn:aws:sns:us-east-1:12345678901:a":                 "",
		"arn:aws:sns:us-east-1:123456789012:":                 "",
		"arn:aws:sns:us-east-1:123456789012:a:b":              "",
		"arn:aws:sns:US-EAST-1:123456789012:a":                "",
		"arn:aws:sns:us-east-1:123456789012:a\n":              "",
		"arn:aws:sns::123456789012:a":                         "",
		"":                                                    "",
		"arn:aws:sns:us-east-1:123456789012:" + longName(256): "sns.us-east-1.amazonaws.com",
		"arn:aws:sns:us-east-1:123456789012:" + longName(257): "",
	}
	for arn, want := range cases {
		topic, ok := parseTopic(arn)
		if ok != (want != "") || ok && topic.host() != want {
			t.Errorf("%q: %v, %v; want %q", arn, topic.host(), ok, want)
		}
	}
}

func TestURLsOfCertificates(t *testing.T) {
	const file = "/SimpleNotificationService-f3ecfb7224c7233fe7bb5f59f96de52f.pem"
	good := "https://sns.us-west-2.amazonaws.com" + file
	cases := map[string]string{
		"the S3 host of a bucket named sns": "https://sns.s3-us-west-2.amazonaws.com" + file,
		"the same, of today":                "https://sns.s3.us-west-2.amazonaws.com" + file,
		"the same, without a region":        "https://sns.s3.amazonaws.com" + file,
		"a longer host":                     "https://sns.us-west-2.amazonaws.com.evil.com" + file,
		"a host before":                     "https://evil.com/https://sns.us-west-2.amazonaws.com" + file,
		"another service":                   "https://sqs.us-west-2.amazonaws.com" + file,
		"another region":                    "https://sns.us-east-1.amazonaws.com" + file,
		"another partition":                 "https://sns.us-west-2.amazonaws.com.cn" + file,
		"no region":                         "https://sns.amazonaws.com" + file,
		"a hyphen for a dot":                "https://sns-us-west-2.amazonaws.com" + file,
		"a user":                            "https://evil@sns.us-west-2.amazonaws.com" + file,
		"a host as the user":                "https://sns.us-west-2.amazonaws.com@evil.com" + file,
		"a host as user and password":       "https://sns.us-west-2.amazonaws.com:443@evil.com" + file,
		"a backslash":                       `https://sns.us-west-2.amazonaws.com\@evil.com` + file,
		"upper case":                        "https://SNS.us-west-2.amazonaws.com" + file,
		"an upper case scheme":              "HTTPS://sns.us-west-2.amazonaws.com" + file,
		"a trailing dot":                    "https://sns.us-west-2.amazonaws.com." + file,
		"an explicit port":                  "https://sns.us-west-2.amazonaws.com:443" + file,
		"another port":                      "https://sns.us-west-2.amazonaws.com:8443" + file,
		"http":                              "http://sns.us-west-2.amazonaws.com" + file,
		"no scheme":                         "//sns.us-west-2.amazonaws.com" + file,
		"another file":                      "https://sns.us-west-2.amazonaws.com/other.pem",
		"a folder":                          "https://sns.us-west-2.amazonaws.com/a" + file,
		"a path that climbs":                "https://sns.us-west-2.amazonaws.com/SimpleNotificationService-../../evil.pem",
		"a path that climbs, escaped":       "https://sns.us-west-2.amazonaws.com/SimpleNotificationService-%2e%2e%2fa.pem",
		"two slashes":                       "https://sns.us-west-2.amazonaws.com/" + file,
		"a query":                           good + "?Action=Publish",
		"a query before the end":            "https://sns.us-west-2.amazonaws.com/?x=/SimpleNotificationService-ab.pem",
		"a fragment":                        good + "#a",
		"a line break":                      good + "\n",
		"a space":                           " " + good,
		"no name":                           "https://sns.us-west-2.amazonaws.com/SimpleNotificationService-.pem",
		"a name that is not hexadecimal":    "https://sns.us-west-2.amazonaws.com/SimpleNotificationService-xyz.pem",
		"a name that is too long":           "https://sns.us-west-2.amazonaws.com/SimpleNotificationService-" + longName(65) + ".pem",
		"another ending":                    "https://sns.us-west-2.amazonaws.com/SimpleNotificationService-ab.pem.exe",
		"letters that look alike":           "https://sns.us-west-2.аmazonaws.com" + file,
		"nothing":                           "",
	}
	sns := snstest.New(t, snstest.Key(), nil)
	arn := map[string]any{"TopicArn": "arn:aws:sns:us-west-2:123456789012:alarms", "SigningCertURL": good}
	if err := verify(sns, sns.Sign(snstest.Notification("2", arn)), snstest.Published()); err != nil {
		t.Fatal(err)
	}
	sns.Fetched.Store(0)
	for name, url := range cases {
		t.Run(name, func(t *testing.T) {
			arn["SigningCertURL"] = url
			err := verify(sns, sns.Sign(snstest.Notification("2", arn)), snstest.Published())
			if url == "" {
				refused(t, err, "SigningCertURL", "is missing")
			} else {
				forbiddenFor(t, err, "the certificate is not at https://sns.us-west-2.amazonaws.com/")
			}
		})
	}
	if n := sns.Fetched.Load(); n != 0 {
		t.Errorf("%d of them were fetched", n)
	}
}

// A forger can choose the topic too. No topic makes a host of somebody else's.
func TestATopicInTheRegionOfABucket(t *testing.T) {
	sns := snstest.New(t, snstest.Key(), nil)
	err := verify(sns, sns.Sign(snstest.Notification("2", map[string]any{
		"TopicArn":       "arn:aws:sns:s3-us-west-2:123456789012:alarms",
		"SigningCertURL": "https://sns.s3-us-west-2.amazonaws.com/SimpleNotificationService-ab.pem",
	})), snstest.Published())
	refused(t, err, "TopicArn", "is not the ARN of an SNS topic")
}

func TestURLsOfSubscriptions(t *testing.T) {
	sns := snstest.New(t, snstest.Key(), nil)
	const query = "?Action=ConfirmSubscription&TopicArn=" + snstest.Topic + "&Token=2336412f"
	for name, c := range map[string]struct {
		url string
		ok  bool
	}{
		"as SNS sends it":           {snstest.Host + "/" + query, true},
		"elsewhere":                 {"https://evil.com/" + query, false},
		"the bucket named sns":      {"https://sns.s3-eu-west-1.amazonaws.com/" + query, false},
		"another region":            {"https://sns.us-east-1.amazonaws.com/" + query, false},
		"http":                      {"http://sns.eu-west-1.amazonaws.com/" + query, false},
		"a user":                    {"https://a@sns.eu-west-1.amazonaws.com/" + query, false},
		"a port":                    {snstest.Host + ":443/" + query, false},
		"a path":                    {snstest.Host + "/a" + query, false},
		"no path":                   {snstest.Host + query, false},
		"another action":            {snstest.Host + "/?Action=Publish&TopicArn=" + snstest.Topic, false},
		"another action behind one": {snstest.Host + "/?Action=Publish&x=Action=ConfirmSubscription", false},
		"no query":                  {snstest.Host + "/", false},
		"a fragment":                {snstest.Host + "/" + query + "#a", false},
		"a space":                   {snstest.Host + "/" + query + " HTTP/1.1", false},
		"the metadata service":      {"http://169.254.169.254/latest/meta-data/" + query, false},
	} {
		for _, kind := range []string{SubscriptionConfirmation, UnsubscribeConfirmation} {
			t.Run(kind+", "+name, func(t *testing.T) {
				err := verify(sns, sns.Sign(snstest.Confirmation("2", kind, map[string]any{"SubscribeURL": c.url})), snstest.Published())
				if !c.ok {
					forbiddenFor(t, err, "the subscription is not confirmed at")
				} else if err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// The names are those of SnsHostProvider in the AWS SDK for Java.
func TestNamesOfSigners(t *testing.T) {
	for arn, name := range map[string]string{
		"arn:aws:sns:us-east-1:123456789012:a":             "sns.amazonaws.com",
		"arn:aws:sns:af-south-1:123456789012:a":            "sns-signing.af-south-1.amazonaws.com",
		"arn:aws-us-gov:sns:us-gov-west-1:123456789012:a":  "sns-us-gov-west-1.amazonaws.com",
		"arn:aws-us-gov:sns:us-gov-east-1:123456789012:a":  "sns-us-gov-west-1.amazonaws.com",
		"arn:aws-cn:sns:cn-northwest-1:123456789012:a":     "sns-cn-northwest-1.amazonaws.com.cn",
		"arn:aws-iso:sns:us-iso-east-1:123456789012:a":     "sns-us-iso-east-1.c2s.ic.gov",
		"arn:aws-iso-b:sns:us-isob-east-1:123456789012:a":  "sns-us-isob-east-1.sc2s.sgov.gov",
		"arn:aws-iso-e:sns:eu-isoe-west-1:123456789012:a":  "sns-signing.eu-isoe-west-1.cloud.adc-e.uk",
		"arn:aws-iso-f:sns:us-isof-south-1:123456789012:a": "sns-signing.us-isof-south-1.csp.hci.ic.gov",
		"arn:aws-eusc:sns:eusc-de-east-1:123456789012:a":   "sns-signing.eusc-de-east-1.amazonaws.eu",
	} {
		topic, ok := parseTopic(arn)
		found := false
		for _, signer := range topic.signers() {
			found = found || signer == name
		}
		if !ok || !found {
			t.Errorf("%s: %v; want %s among them", arn, topic.signers(), name)
		}
	}
}

package sns

import (
	"regexp"
	"slices"
	"strings"
)

// topic says in which region and partition of AWS an SNS topic is, as its ARN tells.
type topic struct {
	region string
	// suffix is the DNS suffix of the AWS partition.
	suffix string
}

// Lengths are checked apart from the patterns. A pattern with a count such as {1,256} takes milliseconds to compile, in
// every process, whatever the process does.
const (
	longestTopic           = 256
	longestCertificateFile = 64 + len(".pem")
)

var (
	topicARN   = regexp.MustCompile(`^arn:(aws[a-z-]*):sns:([a-z0-9-]+):[0-9]{12}:([A-Za-z0-9_-]+)(?:\.fifo)?$`)
	regionAWS  = regexp.MustCompile(`^[a-z]{2}-[a-z]+-[0-9]{1,2}$`)
	regionTail = regexp.MustCompile(`^[a-z]+-[0-9]{1,2}$`)
)

// parseTopic reads the ARN of a topic. It returns false if the text is no such ARN, or if the region does not belong to
// the partition. The form of the region matters, because the host is made from it: sns.s3-us-west-2.amazonaws.com is no
// host of SNS, but a bucket of S3 named "sns", which belongs to whoever made it first.
//
// The partitions are listed in the AWS SDKs' partitions.json.
func parseTopic(arn string) (topic, bool) {
	parts := topicARN.FindStringSubmatch(arn)
	if parts == nil {
		return topic{}, false
	}
	partition, region, name := parts[1], parts[2], parts[3]
	if len(name) > longestTopic {
		return topic{}, false
	}
	if partition == "aws" {
		return topic{region, "amazonaws.com"}, regionAWS.MatchString(region) && !strings.HasPrefix(region, "cn-")
	}
	suffix, prefix := partitionOf(partition)
	tail, ok := strings.CutPrefix(region, prefix)
	return topic{region, suffix}, ok && prefix != "" && regionTail.MatchString(tail)
}

// partitionOf returns the DNS suffix of a partition and the prefix of its regions. Both are empty for an unknown
// partition.
func partitionOf(partition string) (suffix, prefix string) {
	switch partition {
	case "aws-cn":
		return "amazonaws.com.cn", "cn-"
	case "aws-us-gov":
		return "amazonaws.com", "us-gov-"
	case "aws-iso":
		return "c2s.ic.gov", "us-iso-"
	case "aws-iso-b":
		return "sc2s.sgov.gov", "us-isob-"
	case "aws-iso-e":
		return "cloud.adc-e.uk", "eu-isoe-"
	case "aws-iso-f":
		return "csp.hci.ic.gov", "us-isof-"
	case "aws-eusc":
		return "amazonaws.eu", "eusc-de-"
	}
	return "", ""
}

// host returns the only host from which SNS serves the certificates, and confirms the subscriptions, of the topic's
// region.
func (t topic) host() string { return "sns." + t.region + "." + t.suffix }

var certificateFile = regexp.MustCompile(`^[0-9a-fA-F]+\.pem$`)

// signsAt says whether a certificate's URL is one of SNS in the topic's region. The URL is compared as text, so that no
// two parsers can read a different host, port, user, query or path in it.
func (t topic) signsAt(url string) bool {
	file, ok := strings.CutPrefix(url, "https://"+t.host()+"/SimpleNotificationService-")
	return ok && len(file) <= longestCertificateFile && certificateFile.MatchString(file)
}

var confirmQuery = regexp.MustCompile(`^[A-Za-z0-9_.~=&%:*+/-]+$`)

// confirmsAt says whether a subscription's URL calls the action ConfirmSubscription of SNS in the topic's region.
func (t topic) confirmsAt(url string) bool {
	query, ok := strings.CutPrefix(url, "https://"+t.host()+"/?")
	return ok && confirmQuery.MatchString(query) && slices.Contains(strings.Split(query, "&"), "Action=ConfirmSubscription")
}

// signers returns the names that the certificate of SNS in the topic's region may bear. Which of them it bears differs
// from region to region: "sns.amazonaws.com" in the oldest regions, "sns-signing.REGION.SUFFIX" in regions that are
// opted into, "sns-REGION.SUFFIX" in China and the isolated regions, and the name of us-gov-west-1 in both regions of
// GovCloud (SnsHostProvider in the AWS SDK for Java, version 2).
func (t topic) signers() []string {
	names := []string{
		"sns." + t.suffix,
		"sns-signing." + t.region + "." + t.suffix,
		"sns-" + t.region + "." + t.suffix,
		t.host(),
	}
	if strings.HasPrefix(t.region, "us-gov-") {
		names = append(names, "sns-us-gov-west-1."+t.suffix)
	}
	return names
}

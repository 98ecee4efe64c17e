package scale

// withheld stands for a value that Pulumi does not tell. A message shows it in place of the value.
type withheld string

const (
	secretValue  withheld = "[secret]"
	unknownValue withheld = "[unknown]"
)

// How Pulumi writes such values: sdk/go/common/resource/sig and sdk/go/common/resource/plugin. `pulumi stack output`
// itself writes "[secret]".
const (
	signatureKey     = "4dabf18193072939515e22adb298388d"
	secretSignature  = "1b47061264138c4ac30d75fd1eb44270"
	unknownSignature = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
)

// advice says what to do about the value.
func (w withheld) advice() string {
	if w == unknownValue {
		return "is not known yet: run `pulumi up`"
	}
	return "is a secret; rules must not be secret (wrap it with unsecret)"
}

// withhold returns a copy of the JSON value in which every secret and every unknown is a [withheld] instead.
func withhold(json any) any {
	switch v := json.(type) {
	case string:
		switch v {
		case string(secretValue):
			return secretValue
		case unknownSignature:
			return unknownValue
		}
	case []any:
		items := make([]any, len(v))
		for i, item := range v {
			items[i] = withhold(item)
		}
		return items
	case map[string]any:
		if v[signatureKey] == secretSignature {
			return secretValue
		}
		fields := make(map[string]any, len(v))
		for name, field := range v {
			fields[name] = withhold(field)
		}
		return fields
	}
	return json
}

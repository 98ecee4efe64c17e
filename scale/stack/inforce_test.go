package stack

import "testing"

func TestRulesStayInForce(t *testing.T) {
	const valid = `{"worker":{"urn":"urn:pulumi:dev::demo::pkg:index:Pool::worker","configKey":"count","min":1,"max":10,"current":3}}`
	s := &Stack{options: Options{KeepRules: true}}
	if rules, malformed, err := s.rules([]byte(`{}x`)); rules != nil || malformed != nil || err == nil {
		t.Errorf("malformed from the start: %v, %v, %v", rules, malformed, err)
	}
	rules, malformed, err := s.rules([]byte(valid))
	if err != nil || malformed != nil || *rules["worker"].Current != 3 {
		t.Fatalf("valid: %v, %v, %v", rules, malformed, err)
	}
	kept, malformed, err := s.rules([]byte(`{"worker":{}}`))
	if err != nil || malformed == nil || kept["worker"].Max != 10 || kept["worker"].Current != nil {
		t.Errorf("malformed later: %v, %v, %v", kept, malformed, err)
	}
	if rules["worker"].Current == nil {
		t.Error("the rules that were given out before have changed")
	}
	if _, malformed, err := s.rules([]byte(valid)); malformed != nil || err != nil {
		t.Errorf("valid again: %v, %v", malformed, err)
	}
	s.options.KeepRules = false
	if _, malformed, err := s.rules([]byte(`{"worker":{}}`)); malformed != nil || err == nil {
		t.Errorf("where they are not kept: %v, %v", malformed, err)
	}
}

package cmd

import (
	"context"
	"crypto/rand"
	"encoding/base64"

	"github.com/pulumiscale/pulumiscale/output"
	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/webhook"
)

// tokenBytes is how many random bytes are in a token.
const tokenBytes = 32

// token sets a token if the stack has none and the user agrees. It notes in doc what there is about the token.
func (o *initOptions) token(ctx context.Context, s *session, doc *output.Init) error {
	if o.noToken {
		return nil
	}
	opened := s.opened
	found, err := opened.Secrets(ctx, webhook.TokenKey)
	if err != nil {
		return err
	}
	show := "`pulumi config get " + webhook.TokenKey + " --stack " + s.stack + "` shows it"
	if found[webhook.TokenKey] != "" {
		doc.Token = output.TokenKept
		doc.Notes = append(doc.Notes, "the stack has a token already; "+show)
		return nil
	}
	agreed := o.yes
	if !agreed && s.asks() {
		err := s.confirm(ctx, "the stack has no token, which `pulumiscale serve` needs; set a random one?")
		if err != nil && !scale.IsA[*declinedError](err) {
			return err
		}
		agreed = err == nil
	}
	if !agreed {
		doc.Token = output.TokenMissing
		doc.Notes = append(doc.Notes, "the stack has no token, which `pulumiscale serve` needs; --yes sets a random one")
		return nil
	}
	if err := opened.SetSecret(ctx, webhook.TokenKey, randomToken()); err != nil {
		return err
	}
	doc.Token = output.TokenSet
	doc.Notes = append(doc.Notes, "a random token is now a secret of "+opened.ConfigFile()+"; "+show)
	return nil
}

// randomToken is a random token of letters, digits, - and _, none of which needs escaping anywhere.
func randomToken() string {
	secret := make([]byte, tokenBytes)
	_, _ = rand.Read(secret) // it never fails, as crypto/rand says
	return base64.RawURLEncoding.EncodeToString(secret)
}

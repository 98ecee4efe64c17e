package cmd

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/pulumiscale/pulumiscale/output"
	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/snippet"
	"github.com/pulumiscale/pulumiscale/webhook"
)

// initOptions are the options of `pulumiscale init`.
type initOptions struct {
	app *app
	// These fields make the rule. told says how each flag was set. Fields that are empty here, or unset in told, are
	// asked for or proposed.
	pool, target, configKey, current string
	configPath                       bool
	min, max                         int
	told                             map[string]source
	language                         snippet.Language

	sender       snippet.Sender
	url          string
	noToken, yes bool
}

// noCurrent is the value of --current for a rule that has no `current`.
const noCurrent = "none"

// initCommand makes the command `pulumiscale init`. If run is not nil, it replaces the command's work, for tests of the
// flags.
func initCommand(a *app, run func(*initOptions) error) *cobra.Command {
	o := &initOptions{app: a, min: 1}
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Print the rule for a program to export, and set a token",
		Long: "Print the code that exports a rule of scaling, in the language of the program: what it says of the resource and the config key is\n" +
			"taken from the stack's state and configuration. The program itself is never edited.\n\n" +
			"On a terminal it asks what it was not told, and proposes what fits. Elsewhere --target, --config-key and --max must be given;\n" +
			"where one is not, the error lists what there is.\n\n" +
			"Where the stack has no token, which `pulumiscale serve` needs, it offers to set a random one as a secret of the stack's config,\n" +
			"through Pulumi; with --yes it does so without asking. A token that is there is kept, and none is ever shown:\n" +
			"`pulumi config get pulumiscale:token` does that.\n\n" +
			"With --sender and --url it also prints what makes that sender scale the pool. Where --pool names a pool that the program exports\n" +
			"already, no rule is printed, and none of its parts is asked for. The code goes to stdout, all else to stderr.",
		Example: "  pulumiscale init\n" +
			"  pulumiscale init --target workers --config-key workerCount --min 2 --max 20 --yes\n" +
			"  pulumiscale init --target '**::aws:ec2/instance:Instance::worker-*' --config-key workerCount --max 20\n" +
			"  pulumiscale init --pool worker-pool --sender alertmanager --url https://pulumiscale.example.com",
		Args: atMost(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.begin(cmd, true); err != nil {
				return err
			}
			o.told = a.sources
			if err := o.check(); err != nil {
				return err
			}
			if run != nil {
				return run(o)
			}
			return o.run(cmd.Context())
		},
	}
	o.flags(cmd)
	return cmd
}

func (o *initOptions) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.pool, "pool", "", "the pool's name; default: that of the resource")
	f.StringVar(&o.target, "target", "", "what a scaling updates: a resource's URN or name, or a pattern of URNs with * or **")
	f.StringVar(&o.configKey, "config-key", "", "the config key that holds the count")
	f.BoolVar(&o.configPath, "config-path", false, "the config key is a path into a structured value")
	f.Var(whole{&o.min, 0, scale.MaxNumber}, "min", "the least count")
	f.Var(whole{&o.max, 0, scale.MaxNumber}, "max", "the largest count")
	f.StringVar(&o.current, "current", "", "the resource's property that holds the real size, or none; default: one that holds what the config key does, or the replicas of a Deployment")
	languages := choice[snippet.Language]{&o.language, snippet.Languages()}
	f.Var(languages, "language", "the language of the code; default: the program's")
	senders := choice[snippet.Sender]{&o.sender, snippet.Senders()}
	f.Var(senders, "sender", "also print what makes this sender scale the pool: "+senders.expects())
	f.StringVar(&o.url, "url", "", "the address at which the sender reaches `pulumiscale serve`")
	f.BoolVar(&o.noToken, "no-token", false, "leave the token alone")
	f.BoolVarP(&o.yes, "yes", "y", false, "set the token without asking")
	languages.complete(cmd, "language")
	senders.complete(cmd, "sender")
	for _, name := range []string{"pool", "min", "max", "current", "url"} {
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.NoFileCompletions) // it fails only if there is no such flag
	}
	_ = cmd.RegisterFlagCompletionFunc("target", o.complete(func(i *snippet.Inventory) (out []string) {
		for _, t := range i.Targets() {
			out = append(out, t.URN)
		}
		return out
	}))
	_ = cmd.RegisterFlagCompletionFunc("config-key", o.complete(func(i *snippet.Inventory) (out []string) {
		for _, k := range i.Keys {
			out = append(out, k.Key)
		}
		return out
	}))
}

// check says what is wrong with the flags by themselves. It does not look at the stack.
func (o *initOptions) check() error {
	if o.told["max"] != unset && o.min > o.max {
		return &scale.UsageError{Field: "--min, --max", Problem: fmt.Sprintf("min must not be above max, and %d is above %d", o.min, o.max)}
	}
	switch {
	case o.sender == "" && o.url != "":
		return &scale.UsageError{Field: "--url", Problem: "it is for a sender, and none is named", Hint: "name one with --sender"}
	case o.url != "":
		return o.sender.CheckAddress("--url", o.url)
	}
	return nil
}

func (o *initOptions) run(ctx context.Context) error {
	return o.app.work(ctx, func(ctx context.Context, s *session) error {
		inventory, err := s.opened.Inventory(ctx)
		if err != nil {
			return err
		}
		language := o.language
		if language == "" {
			language = inventory.Language
		}
		if language == "" {
			return &scale.UsageError{Field: "--language", Problem: fmt.Sprintf("must be given: a program of the runtime %q may be in any", inventory.Runtime)}
		}
		s.progress.Rest()
		draft, err := o.draft(ctx, s, inventory)
		if err != nil {
			return err
		}
		doc, err := o.write(ctx, s, draft, language)
		if err != nil {
			return err
		}
		// The rule is written even if the token cannot be set.
		tokenErr := o.token(ctx, s, doc)
		for _, note := range doc.Notes {
			s.note(note)
		}
		text, more := doc.Snippet, output.SenderText(doc)
		switch {
		case text == "":
			text = more
		case more == "":
		case o.app.outTTY:
			text += "\n" + more
		case !o.app.settings.json: // stdout has the code alone, so that it can be appended to the program
			s.progress.Print(more)
		}
		return s.conclude(doc, text, tokenErr)
	})
}

// write writes the rule and the sender's configuration.
func (o *initOptions) write(ctx context.Context, s *session, d *draft, language snippet.Language) (*output.Init, error) {
	doc := output.NewInit(s.stack, string(language), d.rule, d.target.URN)
	if d.exported {
		doc.Notes = append(doc.Notes, "the program exports a rule for "+d.rule.Pool+" already")
	} else {
		var err error
		if doc.Snippet, err = language.Export(d.rule); err != nil {
			return nil, fmt.Errorf("write the rule: %w", err)
		}
		doc.Reads = language.Reads(d.rule)
		doc.Notes = d.notes(language, doc.Reads)
	}
	if o.sender == "" {
		return doc, nil
	}
	for o.url == "" {
		if !s.asks() {
			return nil, &scale.UsageError{Field: "--url", Problem: "must say where " + string(o.sender) + " reaches `pulumiscale serve`",
				Hint: "such as --url https://pulumiscale.example.com"}
		}
		text, err := s.answer(ctx, "at which address does "+string(o.sender)+" reach `pulumiscale serve`? ")
		if err != nil {
			return nil, err
		}
		if problem := o.sender.CheckAddress("--url", text); problem != nil {
			s.note(problem.Error())
			continue
		}
		o.url = text
	}
	files, err := o.sender.Configure(language, d.rule.Pool, o.url)
	if err != nil {
		return nil, fmt.Errorf("write the configuration of %s: %w", o.sender, err)
	}
	doc.Configures(string(o.sender), files)
	if text := files[0].Name; text == string(snippet.TypeScript) && language != snippet.TypeScript {
		doc.Notes = append(doc.Notes, "the configuration of "+string(o.sender)+" is in TypeScript; the names are the same in other languages, in their own spelling")
	}
	return doc, nil
}

// complete offers the shell a part of the stack's inventory.
func (o *initOptions) complete(part func(*snippet.Inventory) []string) cobra.CompletionFunc {
	return o.app.completeFrom(func(ctx context.Context, opened openedStack) ([]string, error) {
		inventory, err := opened.Inventory(ctx)
		if err != nil {
			return nil, err
		}
		return part(inventory), nil
	})
}

// tokenBytes is how many random bytes are in a token.
const tokenBytes = 32

// token sets a token if the stack has none and the user agrees. It notes in doc what became of the token.
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

// randomToken returns a random token of letters, digits, - and _. None of these characters needs escaping anywhere.
func randomToken() string {
	secret := make([]byte, tokenBytes)
	_, _ = rand.Read(secret) // it never fails, as crypto/rand says
	return base64.RawURLEncoding.EncodeToString(secret)
}

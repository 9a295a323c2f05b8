package objects

import (
	"context"
	"fmt"
	"net/http"
)

// An Account is the real [Client]: it speaks with a Swift, by HTTP/1.1 on one pool of connections that are kept alive.
type Account struct {
	o         Options
	transport *http.Transport
	client    *http.Client
	tokens    *tokens
	abilities Abilities
}

var _ Client = (*Account)(nil)

// Open logs in, and asks the server what it can. An error says what to check, and holds no secret.
// Close the account when done: that ends what renews its token.
func Open(ctx context.Context, o Options) (*Account, error) {
	o, err := o.complete()
	if err != nil {
		return nil, fmt.Errorf("open a Swift account: %w", err)
	}
	transport, err := newTransport(o)
	if err != nil {
		return nil, fmt.Errorf("open a Swift account: %w", err)
	}
	a := &Account{
		o:         o,
		transport: transport,
		client:    &http.Client{Transport: transport, CheckRedirect: noRedirect},
		tokens: &tokens{
			fetch:   login{o: o, transport: transport}.token,
			now:     o.Now,
			timeout: o.Timeout,
			log:     o.Logger,
		},
	}
	if err := a.start(ctx); err != nil {
		a.Close()
		return nil, fmt.Errorf("open a Swift account: %w", err)
	}
	return a, nil
}

func (a *Account) start(ctx context.Context) error {
	if err := a.Ping(ctx); err != nil {
		return err
	}
	abilities, err := a.discover(ctx)
	if a.o.Parallel {
		abilities.BulkDelete, abilities.BulkUpload = 0, 0
	}
	a.abilities = abilities
	return err
}

// Abilities are what the server said at the start that it can, or what was tried then.
func (a *Account) Abilities() Abilities { return a.abilities }

// Ping asks for the account's head.
func (a *Account) Ping(ctx context.Context) error {
	ans, err := a.do(ctx, request{operation: "ping", method: http.MethodHead})
	if err != nil {
		return fmt.Errorf("reach the account: %w", err)
	}
	switch ans.status {
	case http.StatusOK, http.StatusNoContent:
		return nil
	case http.StatusNotFound:
		return fmt.Errorf("reach the account: %w: check the project, and the server's account_autocreate", statusError(ans))
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Errorf("reach the account: %w: check the user's roles in the project", statusError(ans))
	}
	return fmt.Errorf("reach the account: %w", statusError(ans))
}

// Close ends what goes on in the background, and closes the connections that are not in use.
func (a *Account) Close() error {
	a.tokens.close()
	a.transport.CloseIdleConnections()
	return nil
}

package plugin

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/IBM/sarama"
)

// errRevoked is the cause of a claim's context whose partition has been given to another instance.
var errRevoked = errors.New("partition was given to another instance")

// cooperative is what Sarama's cooperative-sticky strategy is; a wrapper must have all of it.
type cooperative interface {
	sarama.OnAssignmentBalanceStrategy
	sarama.SubscriptionUserDataBalanceStrategy
	sarama.RebalanceProtocolBalanceStrategy
}

// assignment is the cooperative-sticky strategy that also tells claims when they end. Sarama tells them by closing their
// channel of messages, which is noticed only by who reads all that is before, and a claim that tries a submission again
// reads nothing. What it does not notice within Consumer.Group.Rebalance.Timeout costs the whole session.
type assignment struct {
	cooperative

	mu     sync.Mutex
	mine   map[string][]int32 // the newest assignment
	claims map[place]context.CancelCauseFunc
}

type place struct {
	topic     string
	partition int32
}

func newAssignment() *assignment {
	return &assignment{
		cooperative: sarama.NewBalanceStrategyCooperativeSticky().(cooperative), // a test holds it
		claims:      map[place]context.CancelCauseFunc{},
	}
}

// OnAssignment implements sarama.OnAssignmentBalanceStrategy. Sarama calls it before it waits for the claims that end. It does
// not where a leader leaves a member out of its plan; leaders that are Sarama send such a member an empty assignment, and all
// members are plug-ins of this runtime. If it happened, a claim that waits for its next attempt would cost the session.
func (a *assignment) OnAssignment(members *sarama.ConsumerGroupMemberAssignment, generation int32) {
	a.cooperative.OnAssignment(members, generation)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.mine = members.Topics
	for p, end := range a.claims {
		if !slices.Contains(a.mine[p.topic], p.partition) {
			end(errRevoked)
		}
	}
}

// hold returns a context that ends with the session's, or when the partition is assigned to another instance. Release it.
func (a *assignment) hold(session context.Context, topic string, partition int32) (ctx context.Context, release func()) {
	ctx, end := context.WithCancelCause(session)
	p := place{topic, partition}
	a.mu.Lock()
	defer a.mu.Unlock()
	if !slices.Contains(a.mine[topic], partition) { // revoked while the claim was being set up
		end(errRevoked)
	}
	a.claims[p] = end
	return ctx, func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.claims, p)
		end(nil)
	}
}

package main

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/redpanda-data/benthos/v4/public/service"
	"github.com/twmb/franz-go/pkg/kgo"
)

// The documented defaults of Redpanda Connect's kafka_franz and redpanda inputs.
const (
	checkpointLimit = 1024
	commitPeriod    = 5 * time.Second
)

type place struct {
	topic     string
	partition int32
}

type delivery struct {
	message *service.Message
	ack     service.AckFunc
}

// kafkaInput reads topics as a member of a group, hands out single messages, and marks for commit what is
// finished without a gap. Records of a partition are under way side by side: their order is not kept.
type kafkaInput struct {
	brokers, topic, group string

	client     *kgo.Client
	deliveries chan delivery
	stop       context.CancelFunc
	polling    sync.WaitGroup

	mutex    sync.Mutex
	trackers map[place]*tracker[*kgo.Record]
}

func registerKafkaInput() error {
	spec := service.NewConfigSpec().
		Field(service.NewStringField("brokers")).
		Field(service.NewStringField("topic")).
		Field(service.NewStringField("group"))
	return service.RegisterInput("franz", spec, newKafkaInput)
}

func newKafkaInput(conf *service.ParsedConfig, _ *service.Resources) (service.Input, error) {
	k := &kafkaInput{trackers: map[place]*tracker[*kgo.Record]{}}
	var errs [3]error
	k.brokers, errs[0] = conf.FieldString("brokers")
	k.topic, errs[1] = conf.FieldString("topic")
	k.group, errs[2] = conf.FieldString("group")
	// What the output gives up is handed out again until it is taken, as by default in Redpanda Connect.
	return service.AutoRetryNacks(k), errors.Join(errs[:]...)
}

func (k *kafkaInput) Connect(context.Context) (err error) {
	k.client, err = kgo.NewClient(
		kgo.SeedBrokers(k.brokers),
		kgo.ConsumerGroup(k.group),
		kgo.ConsumeTopics(k.topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.AutoCommitMarks(),
		kgo.AutoCommitInterval(commitPeriod),
		kgo.OnPartitionsRevoked(k.revoked),
		kgo.OnPartitionsLost(k.lost),
		kgo.WithLogger(kgo.BasicLogger(os.Stderr, kgo.LogLevelWarn, nil)),
	)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	k.stop, k.deliveries = stop, make(chan delivery)
	k.polling.Go(func() { k.poll(ctx) })
	return nil
}

func (k *kafkaInput) Read(ctx context.Context) (*service.Message, service.AckFunc, error) {
	select {
	case d, open := <-k.deliveries:
		if !open {
			return nil, nil, service.ErrNotConnected
		}
		return d.message, d.ack, nil
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
}

func (k *kafkaInput) Close(ctx context.Context) error {
	if k.client == nil {
		return nil
	}
	k.stop()
	err := k.client.CommitMarkedOffsets(ctx)
	k.forget(func(place) bool { return true })
	k.polling.Wait()
	k.client.Close()
	return err
}

func (k *kafkaInput) poll(ctx context.Context) {
	defer close(k.deliveries)
	for ctx.Err() == nil {
		k.client.PollFetches(ctx).EachRecord(func(record *kgo.Record) { k.offer(ctx, record) })
	}
}

func (k *kafkaInput) offer(ctx context.Context, record *kgo.Record) {
	t := k.tracker(place{record.Topic, record.Partition})
	number, taken := t.begin(record)
	if !taken {
		return
	}
	ack := func(context.Context, error) error {
		if last, moved := t.finish(number); moved {
			k.client.MarkCommitRecords(last)
		}
		return nil
	}
	select {
	case k.deliveries <- delivery{service.NewMessage(record.Value), ack}:
	case <-ctx.Done():
	}
}

func (k *kafkaInput) tracker(p place) *tracker[*kgo.Record] {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	t := k.trackers[p]
	if t == nil {
		t = newTracker[*kgo.Record](checkpointLimit)
		k.trackers[p] = t
	}
	return t
}

func (k *kafkaInput) revoked(ctx context.Context, client *kgo.Client, gone map[string][]int32) {
	_ = client.CommitMarkedOffsets(ctx) // What is not committed is delivered again by the next owner.
	k.lost(ctx, client, gone)
}

func (k *kafkaInput) lost(_ context.Context, _ *kgo.Client, gone map[string][]int32) {
	for topic, partitions := range gone {
		for _, partition := range partitions {
			k.forget(func(p place) bool { return p == place{topic, partition} })
		}
	}
}

func (k *kafkaInput) forget(which func(place) bool) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	for p, t := range k.trackers {
		if which(p) {
			t.close()
			delete(k.trackers, p)
		}
	}
}

package main

import "testing"

func begun(t *testing.T, tracker *tracker[string], records ...string) (numbers []int) {
	for _, record := range records {
		number, taken := tracker.begin(record)
		if !taken {
			t.Fatal("closed")
		}
		numbers = append(numbers, number)
	}
	return numbers
}

func TestNothingBehindAnUnfinishedRecordCounts(t *testing.T) {
	tracker := newTracker[string](4)
	numbers := begun(t, tracker, "a", "b", "c")
	for _, step := range []struct {
		finished int
		last     string
	}{{1, ""}, {0, "b"}, {2, "c"}} {
		if last, moved := tracker.finish(numbers[step.finished]); last != step.last || moved != (step.last != "") {
			t.Fatalf("%d finished: %q, %v", step.finished, last, moved)
		}
	}
}

func TestAFullTrackerTakesMoreOnceItsOldestIsFinished(t *testing.T) {
	tracker := newTracker[string](2)
	numbers := begun(t, tracker, "a", "b")
	taken := make(chan bool)
	go func() {
		_, ok := tracker.begin("c")
		taken <- ok
	}()
	tracker.finish(numbers[1])
	select {
	case <-taken:
		t.Fatal("taken beyond the limit")
	default:
	}
	tracker.finish(numbers[0])
	if !<-taken {
		t.Fatal("closed")
	}
}

func TestAClosedTrackerLetsNobodyWaitAndMovesNoMore(t *testing.T) {
	tracker := newTracker[string](1)
	numbers := begun(t, tracker, "a")
	taken := make(chan bool)
	go func() {
		_, ok := tracker.begin("b")
		taken <- ok
	}()
	tracker.close()
	if <-taken {
		t.Fatal("taken")
	}
	if _, moved := tracker.finish(numbers[0]); moved {
		t.Fatal("moved")
	}
}

// The same works in Go, with errgroup, semaphore and a pool of goroutines that read from a channel.
// Prints nanoseconds of processor time per item as JSON: the median, the lowest and the highest of nine rounds, after
// three to warm up.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"sort"
	"sync"
	"syscall"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
)

const items = 100_000

// As many jobs as the other contenders have in the work "pool-submit".
const jobs = 51_200

type figure struct {
	Work   string  `json:"work"`
	Name   string  `json:"name"`
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
	Items  int     `json:"items"`
}

// The processor time of the process, the collector's included: process.cpuUsage in Node.
func cpu() int64 {
	usage := syscall.Rusage{}
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return usage.Utime.Nano() + usage.Stime.Nano()
}

func measure(work, name string, n int, run func()) figure {
	times := []float64{}
	for round := -3; round < 9; round++ {
		start := cpu()
		run()
		if round >= 0 {
			times = append(times, float64(cpu()-start)/float64(n))
		}
	}
	sort.Float64s(times)
	return figure{work, name, times[len(times)/2], times[0], times[len(times)-1], n}
}

func group(limit int, child func() error) func() {
	return func() {
		g := errgroup.Group{}
		if limit > 0 {
			g.SetLimit(limit)
		}
		for i := 0; i < items; i++ {
			g.Go(child)
		}
		g.Wait()
	}
}

func yields() error {
	runtime.Gosched()
	return nil
}

func waiters(n int) func() {
	return func() {
		ctx := context.Background()
		s := semaphore.NewWeighted(8)
		s.Acquire(ctx, 8)
		var done, started sync.WaitGroup
		for i := 0; i < n; i++ {
			done.Add(1)
			started.Add(1)
			go func() {
				started.Done()
				s.Acquire(ctx, 1)
				s.Release(1)
				done.Done()
			}()
		}
		started.Wait()
		s.Release(8)
		done.Wait()
	}
}

func pool() {
	queue := make(chan int, 16)
	var done sync.WaitGroup
	for i := 0; i < 8; i++ {
		done.Add(1)
		go func() {
			for range queue {
				runtime.Gosched()
			}
			done.Done()
		}()
	}
	for i := 0; i < jobs; i++ {
		queue <- i
	}
	close(queue)
	done.Wait()
}

func main() {
	// As many processors as the others have: one.
	runtime.GOMAXPROCS(1)
	all := []figure{
		measure("semaphore-waiting", "Go x/sync semaphore", 16_000, waiters(16_000)),
		measure("group-limit", "Go errgroup, SetLimit(8)", items, group(8, yields)),
		measure("group-sync", "Go errgroup, SetLimit(8)", items, group(8, func() error { return nil })),
		measure("group-unbounded", "Go errgroup", items, group(0, yields)),
		measure("pool-submit", "Go channel and 8 goroutines", jobs, pool),
	}
	text, _ := json.Marshal(all)
	fmt.Println(string(text))
}

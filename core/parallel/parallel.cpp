#include "core/parallel/parallel.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "core/parallel/cpu_count.h"

namespace flambeau {
namespace {

using Range = FunctionRef<void(int64_t, int64_t)>;

// Long enough to bridge the gap between two operators of one model, short enough not to burn a shared
// machine.
constexpr auto kSpin = std::chrono::microseconds(200);

thread_local bool inside_region = false;

void pause_cpu() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// A counter that one thread waits on: it spins for kSpin, then sleeps.
class Gate {
 public:
  uint32_t value() const { return value_.load(std::memory_order_acquire); }

  void open() {
    value_.fetch_add(1);
    if (!sleeping_.load()) return;
    {
      std::lock_guard lock(mutex_);
    }  // the sleeper is now either before its check or inside the wait
    wake_.notify_one();
  }

  uint32_t wait_past(uint32_t seen) {
    const auto deadline = std::chrono::steady_clock::now() + kSpin;
    do {
      for (int i = 0; i < 32; ++i) {
        if (value() != seen) return value();
        pause_cpu();
      }
    } while (std::chrono::steady_clock::now() < deadline);
    std::unique_lock lock(mutex_);
    sleeping_.store(true);
    wake_.wait(lock, [&] { return value_.load() != seen; });
    sleeping_.store(false);
    return value();
  }

 private:
  std::atomic<uint32_t> value_{0};
  std::atomic<bool> sleeping_{false};
  std::mutex mutex_;
  std::condition_variable wake_;
};

// Which ranges of the present job are still to be begun. Whoever takes one knows that its job is not over,
// and a worker that wakes up too late finds none.
class Ranges {
 public:
  static constexpr int kMost = 256;

  void offer(int count) {
    const uint64_t job = (job_.load(std::memory_order_relaxed) / (2 * kMost) + 1) * 2 * kMost;
    for (int i = 0; i < count; ++i) free_[static_cast<size_t>(i)].store(job, std::memory_order_relaxed);
    job_.store(job + static_cast<uint64_t>(count));
  }
  // A range of the job, `own` if nobody else has begun it, or -1. A thread that keeps to its own finds in its
  // cache what it left there.
  int take(int own) {
    const uint64_t job = job_.load();
    const int count = static_cast<int>(job % (2 * kMost));
    for (int i = 0; i < count; ++i) {
      const int range = (own + i) % count;
      uint64_t free = job - job % (2 * kMost);
      if (free_[static_cast<size_t>(range)].compare_exchange_strong(free, free + 1)) return range;
    }
    return -1;
  }

 private:
  std::atomic<uint64_t> job_{0};  // a number, times 2 kMost, and how many ranges it has
  std::array<std::atomic<uint64_t>, kMost> free_{};
};

// What went wrong first in any of a job's ranges: thrown again where the job was started.
struct JobError {
  std::mutex mutex;
  std::exception_ptr first;
};

struct Job {
  const Range* body = nullptr;
  JobError* error = nullptr;
  int64_t begin = 0, count = 0;
  int ranges = 0;

  void run(int index) const {
    try {
      run_range(index);
    } catch (...) {
      std::lock_guard lock(error->mutex);
      if (!error->first) error->first = std::current_exception();
    }
  }

 private:
  void run_range(int index) const {
    const int64_t base = count / ranges, extra = count % ranges;
    const int64_t first = begin + index * base + std::min<int64_t>(index, extra);
    (*body)(first, first + base + (index < extra ? 1 : 0));
  }
};

class Pool {
 public:
  // Runs the job if no other thread is using the pool; otherwise returns false.
  bool try_run(Job job) {
    std::unique_lock lock(busy_, std::try_to_lock);
    if (!lock || stopped_) return false;
    job.ranges = std::min(job.ranges, Ranges::kMost);
    job.ranges = std::min(job.ranges, 1 + grow(job.ranges - 1));
    if (job.ranges < 2) return false;
    JobError error;
    job.error = &error;
    job_ = job;
    unfinished_.store(job.ranges);
    const uint32_t seen = finished_.value();
    ranges_.offer(job.ranges);
    for (int i = 0; i < job.ranges - 1; ++i) workers_[static_cast<size_t>(i)]->start.open();
    inside_region = true;
    work(0);
    inside_region = false;
    finished_.wait_past(seen);
    if (error.first) std::rethrow_exception(error.first);
    return true;
  }

  void stop() {
    std::lock_guard lock(busy_);
    stopped_ = true;
    for (auto& worker : workers_) worker->start.open();
    for (auto& worker : workers_) worker->thread.join();
  }

 private:
  struct Worker {
    Gate start;
    std::thread thread;
  };

  // Makes sure that `wanted` workers exist, as far as the system lets us; returns how many there are.
  int grow(int wanted) {
    while (static_cast<int>(workers_.size()) < wanted) {
      auto worker = std::make_unique<Worker>();
      // Signals belong to the threads that Python knows.
      sigset_t all, previous;
      sigfillset(&all);
      pthread_sigmask(SIG_SETMASK, &all, &previous);
      bool started = true;
      try {
        worker->thread = std::thread(
            [this, w = worker.get(), own = static_cast<int>(workers_.size()) + 1] { serve(*w, own); });
      } catch (const std::system_error&) {
        started = false;
      }
      pthread_sigmask(SIG_SETMASK, &previous, nullptr);
      if (!started) break;
      workers_.push_back(std::move(worker));
    }
    return static_cast<int>(workers_.size());
  }

  void serve(Worker& worker, int own) {
    inside_region = true;
    for (uint32_t seen = 0;;) {
      seen = worker.start.wait_past(seen);
      if (stopped_) return;
      work(own);
    }
  }

  // Runs ranges of the present job until all have been begun: what a worker that is not running, on a busy
  // machine, has not begun, the others do.
  void work(int own) {
    for (int range; (range = ranges_.take(own)) >= 0;) {
      job_.run(range);
      if (unfinished_.fetch_sub(1) == 1) finished_.open();
    }
  }

  std::mutex busy_;
  std::vector<std::unique_ptr<Worker>> workers_;
  Job job_;
  Ranges ranges_;
  std::atomic<bool> stopped_{false};
  std::atomic<int> unfinished_{0};
  Gate finished_;
};

std::atomic<Pool*> current_pool{nullptr};
std::atomic_flag creating;

// At exit the workers are joined, but the pool's memory stays: a daemon thread may still call parallel_for,
// which then runs inline. In a forked child the workers are gone and the locks undefined: the pool is
// abandoned, and rebuilt when next needed.
void stop_pool() {
  if (Pool* pool = current_pool.load()) pool->stop();
}

void abandon_pool() {
  current_pool.store(nullptr);
  creating.clear();
}

Pool* pool() {
  if (Pool* existing = current_pool.load(std::memory_order_acquire)) return existing;
  if (creating.test_and_set()) return nullptr;  // another thread is at it; this call runs inline
  static const bool registered [[maybe_unused]] = [] {
    pthread_atfork(nullptr, nullptr, abandon_pool);
    return std::atexit(stop_pool) == 0;
  }();
  auto created = std::make_unique<Pool>();
  current_pool.store(created.get(), std::memory_order_release);
  return created.release();
}

int default_num_threads() {
  if (const char* text = std::getenv("OMP_NUM_THREADS")) {
    const int wanted = std::atoi(text);
    if (wanted > 0) return wanted;
  }
  return available_cpus();
}

std::atomic<int>& thread_count() {
  static std::atomic<int> count{default_num_threads()};
  return count;
}

}  // namespace

int num_threads() { return thread_count().load(std::memory_order_relaxed); }

void set_num_threads(int n) { thread_count().store(std::max(n, 1), std::memory_order_relaxed); }

bool in_parallel_region() { return inside_region; }

void parallel_for(int64_t begin, int64_t end, int64_t grain, Range body) {
  const int64_t count = end - begin;
  if (count <= 0) return;
  const int64_t ranges =
      inside_region ? 1 : std::min<int64_t>(num_threads(), count / std::max<int64_t>(grain, 1));
  if (ranges >= 2) {
    Pool* workers = pool();
    if (workers &&
        workers->try_run({.body = &body, .begin = begin, .count = count, .ranges = static_cast<int>(ranges)}))
      return;
  }
  body(begin, end);
}

}  // namespace flambeau

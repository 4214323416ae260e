#include "threads.h"

#include <dlfcn.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>

namespace reflow {
namespace {

// How often a caller that has done its own parts looks whether the others have ended, before it sleeps: some
// tens of microseconds.
constexpr int kPatience = 1000;

// Threads that wait for work. They are never joined: they hold nothing that has to be given back.
class Workers {
 public:
  void ensure(int count) {
    std::lock_guard<std::mutex> lock(mutex_);
    for (; started_ < count; ++started_) {
      std::thread([this] { serve(); }).detach();
    }
  }

  void add(std::function<void()> work) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      queue_.push_back(std::move(work));
    }
    there_is_work_.notify_one();
  }

 private:
  void serve() {
    while (true) {
      std::function<void()> work;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        there_is_work_.wait(lock, [this] { return !queue_.empty(); });
        work = std::move(queue_.front());
        queue_.pop_front();
      }
      work();
    }
  }

  std::mutex mutex_;
  std::condition_variable there_is_work_;
  std::deque<std::function<void()>> queue_;
  int started_ = 0;
};

// The parts of one call. A thread that comes too late finds no part left and touches nothing else.
struct Parts {
  int count = 0;
  const std::function<void(int, int)>* work = nullptr;
  std::atomic<int> next{0};
  std::mutex mutex;
  std::condition_variable all_ended;
  std::atomic<int> ended{0};
  std::exception_ptr failure;

  void take(int slot) {
    for (int part; (part = next.fetch_add(1)) < count;) {
      std::exception_ptr failed;
      try {
        SingleThreaded single;
        (*work)(part, slot);
      } catch (...) {
        failed = std::current_exception();
      }
      std::lock_guard<std::mutex> lock(mutex);
      if (failed && !failure) failure = failed;
      if (++ended == count) all_ended.notify_all();
    }
  }
};

// OpenMP's functions, of the library that oneDNN was linked against.
struct OpenMP {
  int (*get_max_threads)() = nullptr;
  void (*set_num_threads)(int) = nullptr;

  OpenMP() {
    void* onednn = dlopen("libdnnl.so.3", RTLD_LAZY | RTLD_NOLOAD);
    if (onednn == nullptr) return;
    get_max_threads = reinterpret_cast<int (*)()>(dlsym(onednn, "omp_get_max_threads"));
    set_num_threads = reinterpret_cast<void (*)(int)>(dlsym(onednn, "omp_set_num_threads"));
  }
};

const OpenMP& openmp() {
  static const OpenMP functions;
  return functions;
}

}  // namespace

Pool own_pool(int threads) {
  static Workers& workers = *new Workers;
  Pool pool;
  pool.threads = std::max(threads, 1);
  workers.ensure(pool.threads - 1);
  pool.schedule = [](std::function<void()> work) { workers.add(std::move(work)); };
  return pool;
}

void in_parts(const Pool& pool, int count, const std::function<void(int, int)>& work) {
  auto parts = std::make_shared<Parts>();
  parts->count = count;
  parts->work = &work;
  int helpers = std::min(pool.threads, count) - 1;
  for (int slot = 1; slot <= helpers; ++slot) {
    pool.schedule([parts, slot] { parts->take(slot); });
  }
  parts->take(0);
  // The last parts mostly end at the same time: waking up would take longer than they do.
  for (int i = 0; i < kPatience && parts->ended.load(std::memory_order_acquire) < count; ++i) __builtin_ia32_pause();
  std::unique_lock<std::mutex> lock(parts->mutex);
  parts->all_ended.wait(lock, [&] { return parts->ended == count; });
  if (parts->failure) std::rethrow_exception(parts->failure);
}

SingleThreaded::SingleThreaded() : before_(0) {
  if (openmp().set_num_threads == nullptr) return;
  before_ = openmp().get_max_threads();
  openmp().set_num_threads(1);
}

SingleThreaded::~SingleThreaded() {
  if (before_ > 0) openmp().set_num_threads(before_);
}

}  // namespace reflow

// Work in parts, shared among the threads of a pool and the thread that brings it.
//
// The caller takes parts itself and waits only for parts that another thread has begun, so that work
// comes to its end however few threads the pool has, and whatever else they do.
#pragma once

#include <functional>

namespace reflow {

// Runs a function on another thread, some time.
using Schedule = std::function<void(std::function<void()>)>;

// Where work is done: how many threads may take part, the caller's included, and how to reach them.
struct Pool {
  int threads = 1;
  Schedule schedule;
};

// The process's own pool of `threads`, for calls that do not come from XLA, which has one.
Pool own_pool(int threads);

// Calls work(part, slot) for each part. Slots are below min(pool.threads, parts), and no two calls that
// run at a time have the same one. An exception in a part comes out of here when all have ended.
void in_parts(const Pool& pool, int parts, const std::function<void(int part, int slot)>& work);

// While it lives, OpenMP regions that this thread enters have one thread: oneDNN then runs within it.
class SingleThreaded {
 public:
  SingleThreaded();
  ~SingleThreaded();
  SingleThreaded(const SingleThreaded&) = delete;
  SingleThreaded& operator=(const SingleThreaded&) = delete;

 private:
  int before_;
};

}  // namespace reflow

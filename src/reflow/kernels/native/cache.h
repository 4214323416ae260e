// A bounded map of what is expensive to make; what was not used for longest goes first.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace reflow {

template <typename Value>
class Cache {
 public:
  using Key = std::vector<int64_t>;

  explicit Cache(std::size_t most) : most_(most) {}

  // The value of `key`, made by `make()` when it is not there. One thread makes at a time.
  template <typename Make>
  std::shared_ptr<const Value> get(const Key& key, Make make) {
    std::lock_guard<std::mutex> lock(mutex_);
    auto found = places_.find(key);
    if (found != places_.end()) {
      order_.splice(order_.begin(), order_, found->second);
      return found->second->second;
    }
    std::shared_ptr<const Value> value = make();
    order_.emplace_front(key, value);
    places_[key] = order_.begin();
    if (order_.size() > most_) {
      places_.erase(order_.back().first);
      order_.pop_back();
    }
    return value;
  }

 private:
  using Order = std::list<std::pair<Key, std::shared_ptr<const Value>>>;

  std::size_t most_;
  std::mutex mutex_;
  Order order_;
  std::map<Key, typename Order::iterator> places_;
};

}  // namespace reflow

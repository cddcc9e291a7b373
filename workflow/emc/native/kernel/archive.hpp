// Ways through the numbers that make up a state: to count them, to copy them out, and back in.
#pragma once

#include <cstdint>
#include <cstring>

namespace emc {

struct Measure {
  int64_t bytes = 0;

  template <class T>
  void operator()(T*, int64_t count) {
    bytes += count * sizeof(T);
  }
};

struct Save {
  char* to;

  template <class T>
  void operator()(const T* values, int64_t count) {
    std::memcpy(to, values, count * sizeof(T));
    to += count * sizeof(T);
  }
};

struct Load {
  const char* from;

  template <class T>
  void operator()(T* values, int64_t count) {
    std::memcpy(values, from, count * sizeof(T));
    from += count * sizeof(T);
  }
};

}  // namespace emc

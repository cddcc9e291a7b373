// A driver of NVIDIA's that is made up, libcuda.so.1: what the true binding calls is looked at as a
// driver would, memory is the process's, and a launch is the kernel built for the processor.
//
// Numbers are those of cuda.h. $EMC_STAND_IN_KERNEL names that kernel's library, and
// $EMC_STAND_IN_CALLS a file that gets a line per launch.
#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>

namespace {

enum Status {
  ok = 0, invalid_value = 1, out_of_memory = 2, not_initialised = 3, invalid_image = 200,
  invalid_context = 201, no_binary = 209, not_found = 500
};

typedef unsigned long long Pointer;
typedef void (*Kernel)(const void*, int, int);

constexpr int most_block_memory = 227 << 10, usual_block_memory = 48 << 10;

bool begun = false, retained = false, current = false;
int asked_memory = 0;
std::map<Pointer, size_t> pieces;

bool in_a_piece(Pointer at, size_t size) {
  auto after = pieces.upper_bound(at);
  if (after == pieces.begin()) return false;
  const auto& piece = *--after;
  return at + size <= piece.first + piece.second;
}

// Of sm_90's ELF header: class, machine and flags, whose lowest byte is the architecture.
Status image(const unsigned char* binary) {
  if (std::memcmp(binary, "\x7f" "ELF\x02", 5)) return invalid_image;
  unsigned short machine;
  std::memcpy(&machine, binary + 18, 2);
  return machine == 190 ? ok : invalid_image;
}

template <class... Values>
void tell(const char* format, Values... values) {
  const char* name = std::getenv("EMC_STAND_IN_CALLS");
  std::FILE* calls = name ? std::fopen(name, "a") : nullptr;
  if (!calls) return;
  std::fprintf(calls, format, values...);
  std::fclose(calls);
}

}  // namespace

extern "C" {

int cuInit(unsigned flags) {
  if (!begun) {
    const char* visible = std::getenv("CUDA_VISIBLE_DEVICES");
    tell("begun with %s\n", visible ? visible : "all");
  }
  return begun = flags == 0, flags ? invalid_value : ok;
}

int cuDriverGetVersion(int* version) { return *version = 13000, ok; }

int cuGetErrorString(int status, const char** words) {
  *words = status == invalid_image ? "device kernel image is invalid"
           : status == no_binary  ? "no kernel image is available for execution on the device"
                                  : "invalid argument";
  return ok;
}

int cuDevicePrimaryCtxRetain(void** context, int device) {
  if (!begun) return not_initialised;
  if (device) return invalid_value;
  return *context = &retained, retained = true, ok;
}

int cuCtxSetCurrent(void* context) {
  return current = context == &retained, current ? ok : invalid_context;
}

int cuCtxSynchronize() { return current ? ok : invalid_context; }

int cuDeviceGetAttribute(int* value, int attribute, int device) {
  const std::map<int, int> known = {
      {16, 3}, {75, 9}, {76, 0}, {81, 228 << 10}, {97, most_block_memory}};
  if (!begun || device || !known.count(attribute)) return invalid_value;
  return *value = known.at(attribute), ok;
}

int cuMemGetInfo_v2(size_t* free, size_t* total) {
  return *free = 1u << 30, *total = 1u << 31, current ? ok : invalid_context;
}

int cuMemAlloc_v2(Pointer* at, size_t size) {
  if (!current) return invalid_context;
  if (!size) return invalid_value;
  *at = Pointer(std::aligned_alloc(512, (size + 511) / 512 * 512));
  std::memset(reinterpret_cast<void*>(*at), 0xA5, size);
  return pieces[*at] = size, ok;
}

int cuMemFree_v2(Pointer at) {
  if (!pieces.erase(at)) return invalid_value;
  return std::free(reinterpret_cast<void*>(at)), ok;
}

int cuMemcpyHtoD_v2(Pointer to, const void* from, size_t size) {
  if (!current || !in_a_piece(to, size)) return invalid_value;
  return std::memcpy(reinterpret_cast<void*>(to), from, size), ok;
}

int cuMemcpyDtoH_v2(void* to, Pointer from, size_t size) {
  if (!current || !in_a_piece(from, size)) return invalid_value;
  return std::memcpy(to, reinterpret_cast<void*>(from), size), ok;
}

int cuModuleLoadData(void** module, const void* binary) {
  if (!current) return invalid_context;
  if (const Status status = image(static_cast<const unsigned char*>(binary))) return status;
  const char* name = std::getenv("EMC_STAND_IN_KERNEL");
  *module = name ? dlopen(name, RTLD_NOW | RTLD_LOCAL) : nullptr;
  return *module ? ok : no_binary;
}

int cuModuleGetFunction(void** function, void* module, const char* name) {
  return *function = dlsym(module, name), *function ? ok : not_found;
}

int cuFuncSetAttribute(void*, int attribute, int value) {
  if (attribute == 9) return value >= -1 && value <= 100 ? ok : invalid_value;
  if (attribute != 8 || value > most_block_memory) return invalid_value;
  return asked_memory = value, ok;
}

int cuLaunchKernel(void* function, unsigned grid, unsigned grid_y, unsigned grid_z, unsigned block,
                   unsigned block_y, unsigned block_z, unsigned memory, void* stream,
                   void** parameters, void** extra) {
  const unsigned most = asked_memory > usual_block_memory ? asked_memory : usual_block_memory;
  if (!current || !function || stream || extra || !parameters || !parameters[0]) return invalid_value;
  if (!grid || grid_y != 1 || grid_z != 1 || block != 256 || block_y != 1 || block_z != 1)
    return invalid_value;
  if (memory > most) return invalid_value;
  reinterpret_cast<Kernel>(function)(parameters[0], int(grid), 0);
  tell("%u %u\n", grid, memory);
  return ok;
}

// Tables of what is not documented, which the driver's own libraries ask for.
int cuGetExportTable(const void** table, const void*) { return *table = nullptr, not_found; }

// How the binding asks for all others; what is not here the driver does not have.
int cuGetProcAddress_v2(const char* symbol, void** found, int, unsigned long long, int* status) {
  static void* self = dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD);
  char name[128];
  *found = nullptr;
  for (const char* version : {"_v2", ""}) {
    std::snprintf(name, sizeof name, "%s%s", symbol, version);
    if (!*found) *found = dlsym(self, name);
  }
  if (status) *status = *found ? 0 : 1;
  return *found ? ok : not_found;
}

int cuGetProcAddress(const char* symbol, void** found, int version, unsigned long long flags) {
  return cuGetProcAddress_v2(symbol, found, version, flags, nullptr);
}
}

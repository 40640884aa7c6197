#include "sandbox.h"

#include <fcntl.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <initializer_list>

namespace reader {
namespace {

uint64_t most_memory = 0;
int statistics = -1;  // /proc/self/statm, opened while files can be

uint64_t address_space() {
  char text[32] = {};
  if (pread(statistics, text, sizeof text - 1, 0) <= 0) return most_memory;
  return std::strtoull(text, nullptr, 10) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

void bound_memory(uint64_t most) {
  const rlimit value{std::min(most, most_memory), most_memory};
  if (setrlimit(RLIMIT_AS, &value) != 0) std::_Exit(3);
}

// Returns the remaining time. SIGPROF has no handler: it ends the process.
double set_processor_time(double seconds) {
  const auto whole = static_cast<time_t>(seconds);
  const itimerval value{{0, 0}, {whole, static_cast<suseconds_t>((seconds - static_cast<double>(whole)) * 1e6)}};
  itimerval before{};
  if (setitimer(ITIMER_PROF, &value, &before) != 0) std::_Exit(3);
  return static_cast<double>(before.it_value.tv_sec) + (static_cast<double>(before.it_value.tv_usec) / 1e6);
}

void limit(decltype(RLIMIT_AS) what, uint64_t most) {
  const rlimit value{most, most};
  if (setrlimit(what, &value) != 0) std::_Exit(3);
}

// Allows computation, memory, and reading and writing of open files. Every other call fails with EPERM.
bool filter_calls() {
  const auto filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
  if (filter == nullptr) return false;
  bool good = true;
  for (const int call : {SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(pread64), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(lseek), SCMP_SYS(close),
                         SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(poll), SCMP_SYS(fcntl), SCMP_SYS(brk), SCMP_SYS(mmap), SCMP_SYS(munmap),
                         SCMP_SYS(mremap), SCMP_SYS(mprotect), SCMP_SYS(madvise), SCMP_SYS(futex), SCMP_SYS(sched_yield), SCMP_SYS(clock_gettime),
                         SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(times), SCMP_SYS(getrusage), SCMP_SYS(prlimit64), SCMP_SYS(getrandom),
                         SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getegid), SCMP_SYS(uname),
                         SCMP_SYS(sysinfo), SCMP_SYS(alarm), SCMP_SYS(setitimer), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
                         SCMP_SYS(sigaltstack), SCMP_SYS(tgkill), SCMP_SYS(restart_syscall), SCMP_SYS(exit), SCMP_SYS(exit_group)})
    good = seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0) == 0 && good;
  good = good && seccomp_load(filter) == 0;
  seccomp_release(filter);
  return good;
}

}  // namespace

int take_output() {
  const int answers = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
  const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (answers < 0 || nowhere < 0 || dup2(nowhere, STDOUT_FILENO) < 0 || dup2(nowhere, STDERR_FILENO) < 0) std::_Exit(3);
  close(nowhere);
  return answers;
}

Budget::Budget(uint64_t memory_bytes, double processor_seconds) {
  bound_memory(address_space() + memory_bytes);
  set_processor_time(processor_seconds);
}

void Budget::extend(uint64_t memory_bytes, double processor_seconds) {
  rlimit now{};
  if (getrlimit(RLIMIT_AS, &now) != 0) std::_Exit(3);
  bound_memory(now.rlim_cur + memory_bytes);
  set_processor_time(set_processor_time(0) + processor_seconds);
}

Budget::~Budget() {
  set_processor_time(0);
  bound_memory(most_memory);
}

bool close_sandbox(uint64_t memory_bytes) {
  most_memory = memory_bytes;
  statistics = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  if (statistics < 0) std::_Exit(3);
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_FSIZE, 0);
  limit(RLIMIT_NOFILE, 16);
  limit(RLIMIT_AS, memory_bytes);
  // Only the superuser may inspect a process that holds patients' data.
  if (prctl(PR_SET_DUMPABLE, 0) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) std::_Exit(3);
  return filter_calls();
}

}  // namespace reader

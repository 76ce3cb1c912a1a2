# Builds that tests are run on, soon built from nothing: headers of others are precompiled, debug
# information is functions and lines (what a backtrace shows, no variables), the linker is a quick
# one if there is one. Not for releases, nor for clang-tidy, which cannot read g++'s precompiled
# headers; those builds also notice an #include that is missing here.
option(PGHAUL_QUICK_BUILD "Precompiled headers, debug information of lines only, a quick linker" OFF)

# pghaul_precompile(target headers…): the standard library's and these are precompiled for it.
function(pghaul_precompile target)
  if(PGHAUL_QUICK_BUILD)
    target_precompile_headers(${target} PRIVATE
      <algorithm> <array> <atomic> <chrono> <condition_variable> <cstdint> <deque> <filesystem>
      <fstream> <functional> <map> <memory> <mutex> <numeric> <optional> <random> <set> <sstream>
      <stdexcept> <string> <string_view> <thread> <unordered_map> <utility> <variant> <vector> ${ARGN})
  endif()
endfunction()

# pghaul_precompile_as(target other): uses those of `other`, which must have the same definitions.
function(pghaul_precompile_as target other)
  if(PGHAUL_QUICK_BUILD)
    target_precompile_headers(${target} REUSE_FROM ${other})
  endif()
endfunction()

if(PGHAUL_QUICK_BUILD)
  target_compile_options(pghaul_options INTERFACE -g1)
  foreach(linker mold lld gold)
    find_program(PGHAUL_LINKER_${linker} ld.${linker})
    if(PGHAUL_LINKER_${linker})
      target_link_options(pghaul_options INTERFACE -fuse-ld=${linker})
      break()
    endif()
  endforeach()
endif()

# libtorch without its own CMake package: that one insists on a whole CUDA toolkit (nvcc included) as soon as it was built with CUDA.
if(LIBTORCH)
  set(torch_include_root ${LIBTORCH}/include)
  set(torch_lib ${LIBTORCH}/lib)
  set(torch_config ${LIBTORCH}/share/cmake/Torch/TorchConfig.cmake)
else()
  find_path(torch_system_include torch/script.h REQUIRED)
  find_library(torch_system_library torch REQUIRED)
  set(torch_include_root ${torch_system_include})
  get_filename_component(torch_lib ${torch_system_library} DIRECTORY)
  find_file(torch_config TorchConfig.cmake PATHS ${torch_lib}/cmake/Torch /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}/cmake/Torch)
endif()

set(torch_include ${torch_include_root} ${torch_include_root}/torch/csrc/api/include)

add_library(inverse_torch SHARED torch/error.cpp torch/tensor.cpp torch/op.cpp torch/module.cpp torch/device.cpp)
target_include_directories(inverse_torch PRIVATE include)
target_include_directories(inverse_torch SYSTEM PRIVATE ${torch_include})
target_link_directories(inverse_torch PRIVATE ${torch_lib})

# Which of the two C++ string ABIs libtorch was built with, and the oldest C++ its headers take.
if(EXISTS "${torch_config}")
  file(STRINGS "${torch_config}" abi_line REGEX "_GLIBCXX_USE_CXX11_ABI=[01]")
  if(abi_line MATCHES "_GLIBCXX_USE_CXX11_ABI=([01])")
    target_compile_definitions(inverse_torch PRIVATE _GLIBCXX_USE_CXX11_ABI=${CMAKE_MATCH_1})
  endif()
endif()

# PyTorch 2.9 and later need C++20 for their headers.
file(STRINGS "${torch_include_root}/torch/csrc/api/include/torch/version.h" version_lines REGEX "TORCH_VERSION_(MAJOR|MINOR)")
if("${version_lines}" MATCHES "MAJOR ([0-9]+).*MINOR ([0-9]+)" AND "${CMAKE_MATCH_1}.${CMAKE_MATCH_2}" VERSION_GREATER_EQUAL 2.9)
  set_target_properties(inverse_torch PROPERTIES CXX_STANDARD 20)
endif()

find_library(torch_cuda_library torch_cuda PATHS ${torch_lib} NO_DEFAULT_PATH)
find_library(c10_cuda_library c10_cuda PATHS ${torch_lib} NO_DEFAULT_PATH)
target_link_libraries(inverse_torch PRIVATE torch_cpu c10)
if(torch_cuda_library AND c10_cuda_library)
  # A CUDA toolkit that is named, or the header packages that a Python installation of PyTorch brings along, of the same version as
  # itself, or any other toolkit. Of CUDA 13 the folder crt/ comes in a package of its own.
  file(GLOB python_cuda_includes ${LIBTORCH}/../nvidia/cuda_runtime/include ${LIBTORCH}/../nvidia/cu*/include)
  set(cuda_places $ENV{CUDA_HOME}/include ${python_cuda_includes} /usr/local/cuda/include)
  find_path(cuda_include cuda_runtime_api.h HINTS ${cuda_places})
  find_path(cuda_crt_include crt/host_defines.h HINTS ${cuda_include} ${cuda_places})
  if(NOT cuda_include OR NOT cuda_crt_include)
    message(FATAL_ERROR "This libtorch has CUDA, but cuda_runtime_api.h or crt/host_defines.h was not found: set CUDA_HOME to a CUDA toolkit, or install the Python packages nvidia-cuda-runtime and nvidia-cuda-crt.")
  endif()
  target_sources(inverse_torch PRIVATE torch/cuda.cpp)
  target_compile_definitions(inverse_torch PRIVATE INVERSE_WITH_CUDA)
  target_include_directories(inverse_torch SYSTEM PRIVATE ${cuda_include} ${cuda_crt_include})
  # Nothing of ours refers to torch_cuda's symbols by name at link time only: its operators register when it is loaded.
  target_link_options(inverse_torch PRIVATE -Wl,--no-as-needed)
  target_link_libraries(inverse_torch PRIVATE torch_cuda c10_cuda torch)
endif()

# Debian's libtorch takes whichever BLAS the system's alternatives name. The OpenBLAS that works on OpenMP's threads is asked for by name:
# the one with threads of its own competes with them, and a job takes twice as long (docs/decisions/0007).
set(rpath "${torch_lib}")
set(openblas /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}/openblas-openmp)
if(NOT LIBTORCH AND EXISTS ${openblas}/libopenblas.so.0)
  target_link_options(inverse_torch PRIVATE -Wl,--no-as-needed)
  target_link_libraries(inverse_torch PRIVATE ${openblas}/libblas.so.3 ${openblas}/liblapack.so.3 ${openblas}/libopenblas.so.0)
  list(PREPEND rpath ${openblas})
endif()
set_target_properties(inverse_torch PROPERTIES BUILD_RPATH "${rpath}" INSTALL_RPATH "${rpath}")

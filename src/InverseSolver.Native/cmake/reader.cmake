find_package(PkgConfig REQUIRED)
pkg_check_modules(HDF5 REQUIRED IMPORTED_TARGET hdf5-serial)
pkg_check_modules(SECCOMP REQUIRED IMPORTED_TARGET libseccomp)
find_path(ismrmrd_include ismrmrd/ismrmrd.h REQUIRED)
# Of DCMTK's libraries those that read and write images; its own pkg-config file names the network's too.
find_path(dcmtk_include dcmtk/dcmdata/dctk.h REQUIRED)
find_library(dcmdata_library dcmdata REQUIRED)
set(dcmtk_libraries dcmjpeg dcmjpls dcmtkcharls ijg8 ijg12 ijg16 dcmimage dcmimgle dcmdata oflog ofstd)

file(GLOB reader_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/reader/*.cpp)
add_executable(inverse_reader ${reader_sources})
# HDF5 1.12 and later give some functions more arguments unless they are asked for 1.10's.
target_compile_definitions(inverse_reader PRIVATE H5_USE_110_API)
target_include_directories(inverse_reader SYSTEM PRIVATE ${ismrmrd_include} ${dcmtk_include})
target_link_libraries(inverse_reader PRIVATE PkgConfig::HDF5 PkgConfig::SECCOMP hdf5_serial_hl ${dcmtk_libraries})
target_link_options(inverse_reader PRIVATE -Wl,--as-needed -Wl,-z,relro,-z,now)
target_compile_options(inverse_reader PRIVATE -D_FORTIFY_SOURCE=2 -fstack-protector-strong)

"""The functions that the native engine calls; add what else is needed."""

from typing import Any

llvm_version_info: tuple[int, int, int]
initialize_native_target: Any
initialize_native_asmprinter: Any
get_host_cpu_name: Any
get_host_cpu_features: Any
get_process_triple: Any
create_context: Any
parse_assembly: Any
Target: Any
ModuleRef: Any
ObjectFileRef: Any
create_pass_builder: Any
create_pipeline_tuning_options: Any
create_mcjit_compiler: Any
create_lljit_compiler: Any
JITLibraryBuilder: Any
address_of_symbol: Any
add_symbol: Any
set_option: Any
ffi: Any

#!/bin/sh
# The GPU kernels compile for NVIDIA, AMD and Intel without such a device, with plain tiles and with
# tiles of matrix instructions. The code contains the matrix instructions and keeps its variables in
# registers: ptxas reports no spills, and the AMD back end no scratch memory. For Intel,
# the code becomes SPIR-V that calls the functions of the extension. Checks whose tools are not
# installed are skipped: clang-15 with libclc-15, clang-16, ptxas of the CUDA toolkit, llvm-spirv-15
# and spirv-val.
#     sh tests/lint/targets.sh [KERNELS [--all]]    the program of tests/kernels (default: of
#                                                   build/); --all: types too that repeat others
all=${2-}
kernels=${1:+$(realpath "$1")}
cd "$(dirname "$0")/../.." || exit 1
kernels=${kernels:-build/tests/kernels}
. tests/lint/lint.sh

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
clc=/usr/lib/clc
PATH=$PATH:/usr/local/cuda/bin

# program NAME: the program, and the options for it.
program() {
    "$kernels" --print-program "$1" >"$work/program.cl" || exit 1
    options=$(sed -n '1s,^// ,,p' "$work/program.cl")
}

# compile OUTPUT FLAG...: complaints.
compile() {
    output=$1
    shift
    "$clang" -x cl -Xclang -finclude-default-header -Wno-linker-warnings -O3 \
        $options "$@" "$work/program.cl" -o "$output" 2>&1
}

# nvidia NAME: the same PTX for both architectures.
nvidia() {
    name=$1
    program "$name"
    nothing "targets: $name compiles to PTX" "$(compile "$work/k.ptx" -S \
        -target nvptx64--nvidiacl -Xclang -target-feature -Xclang +ptx75 -Xclang -target-cpu \
        -Xclang sm_80 -Xclang -mlink-builtin-bitcode -Xclang $clc/nvptx64--nvidiacl.bc)"
    if ! command -v ptxas >/dev/null; then
        skip "targets: $name: no ptxas here"
        return
    fi
    for sm in sm_80 sm_90; do
        if ptxas -v -arch=$sm "$work/k.ptx" -o "$work/k.cubin" >"$work/report" 2>&1; then
            nothing "targets: $sm $name spills" "$(grep 'spill' "$work/report" |
                grep -v ' 0 bytes spill stores, 0 bytes spill loads')"
        else
            nothing "targets: $sm $name is taken by ptxas" "$(cat "$work/report")"
        fi
    done
}

# amd NAME GPU: clang-15 crashes on matrix instructions, and gives gfx11 half its registers.
amd() {
    name=$1
    gpu=$2
    program "$name"
    if ! command -v clang-16 >/dev/null; then
        skip "targets: $name: no clang-16 here"
        return 1
    fi
    clang=clang-16
    nothing "targets: $gpu $name compiles" "$(compile "$work/k.s" -S -target amdgcn-amd-amdhsa \
        -mcpu="$gpu" -nogpulib -Xclang -mlink-builtin-bitcode -Xclang $clc/amdgcn--amdhsa.bc)"
    nothing "targets: $gpu $name uses scratch memory" "$(awk '
        /^; -- End function/ || /\.globl/ { f = $2 }
        /^; ScratchSize:/ && $3 != 0 { print f, $0 }' "$work/k.s")"
    clang=clang-15
}

# amd_matrix NAME GPU INSTRUCTION
amd_matrix() {
    amd "$1" "$2" || return
    something "targets: $2 $1: no $3" "$(grep "$3" "$work/k.s")"
}

# intel NAME: the built-in functions are those of the extension's text.
intel() {
    name=$1
    program "$name"
    {
        cat <<'END'
__attribute__((overloadable, convergent))
float8 intel_sub_group_bf16_bf16_matrix_mad_k16(int8 a, int8 b, float8 c);
__attribute__((overloadable, convergent))
float8 intel_sub_group_bf16_bf16_matrix_mad_k16(short8 a, int8 b, float8 c);
__attribute__((overloadable, convergent))
float8 intel_sub_group_f16_f16_matrix_mad_k16(int8 a, int8 b, float8 c);
__attribute__((overloadable, convergent))
float8 intel_sub_group_f16_f16_matrix_mad_k16(short8 a, int8 b, float8 c);
END
        cat "$work/program.cl" cl/probe_mma.cl
    } >"$work/intel.cl"
    mv "$work/intel.cl" "$work/program.cl"
    nothing "targets: $name compiles" "$(compile "$work/k.bc" -O0 -c -emit-llvm -Werror \
        -target spir64-unknown-unknown)"
    if ! command -v llvm-spirv-15 >/dev/null || ! command -v spirv-val >/dev/null; then
        skip "targets: $name: no llvm-spirv-15 or spirv-val here"
        return
    fi
    nothing "targets: $name is valid SPIR-V" \
        "$({ llvm-spirv-15 "$work/k.bc" -o "$work/k.spv" && spirv-val "$work/k.spv"; } 2>&1)"
    something "targets: $name has no sub-group size" \
        "$(spirv-dis "$work/k.spv" | grep 'SubgroupSize')"
}

# loads N: vector loads of N in the place of a driver's library.
loads() {
    for space in '__global char' '__global int' '__global float' '__private int' \
        '__private float'; do
        type=${space#* }
        cat <<END
typedef $type own_$type$1 __attribute__((ext_vector_type($1), aligned(1)));
$type$1 __attribute__((overloadable, always_inline)) vload$1(size_t i, const $space *p)
{
    return *(const ${space% *} own_$type$1 *)(p + $1 * i);
}
END
    done | awk '!/^typedef/ || !seen[$0]++'
}

# x86 FILE INSTRUCTION WEIGHTS GROUP CPU VW ROWS [STEP]: complaints.
x86() {
    { loads "$6" && cat cl/records.h cl/prelude.cl cl/storage.cl cl/activation.cl \
        "cl/$1" cl/gemm_cpu.cl; } >"$work/program.cl"
    clang-15 -x cl -cl-std=CL1.2 -Xclang -finclude-default-header -O3 -S \
        -target x86_64-unknown-linux-gnu -march="$5" -mprefer-vector-width=512 -DELCL_MAC_FMA=1 \
        -DELCL_WEIGHT_"$3" -DK_PACK="$4" -DK_STEP="${8:-$4}" -DVW="$6" -DWG=1 -DGEMM_ROWS="$7" \
        "$work/program.cl" -o "$work/k.s" 2>&1 || return
    awk -v instruction="$2" -v want=$((2 * $7)) '
        /^\.LBB/ { loop = $1; sub(":", "", loop); n = stack = 0 }
        $1 == instruction { n++ }
        /\(%rsp|\(%rbp\)/ { stack++ } # with an index %rbp is no frame
        /^\tj/ && $2 == loop && n == want && (!tiles++ || stack < least) { least = stack }
        END {
            if (!tiles) print "no loop with", want, instruction
            else if (least) print "the loop touches the stack", least, "times"
        }' "$work/k.s"
}

clang=clang-15
if ! command -v clang-15 >/dev/null; then
    skip 'targets: no clang-15 here'
    finish
fi

nothing 'targets: vpmaddubsw, AVX2' "$(x86 dot_vpmaddubsw.cl vpmaddwd INT8 4 haswell 8 4 8)"
nothing 'targets: vpmaddubsw, AVX-512' "$(x86 dot_vpmaddubsw.cl vpmaddwd INT8 4 cascadelake 16 6 8)"
nothing 'targets: vpdpbusd' "$(x86 dot_vpdpbusd.cl vpdpbusd INT8 4 cascadelake 16 12)"
nothing 'targets: vdpbf16ps' "$(x86 dot_vdpbf16ps.cl vdpbf16ps BF16 2 cooperlake 16 12)"
something 'targets: another instruction is noticed' \
    "$(x86 dot_vpmaddubsw.cl vpdpbusd INT8 4 cascadelake 16 6 8)"
something 'targets: a tile of too many registers is noticed' \
    "$(x86 dot_vpdpbusd.cl vpdpbusd INT8 4 cascadelake 16 16)"

if ! [ -f $clc/nvptx64--nvidiacl.bc ]; then
    skip 'targets: no libclc-15 here'
    finish
fi

if ! [ -x "$kernels" ]; then
    skip "targets: no $kernels here"
    finish
fi

for storage in f32/f32 ${all:+f16/f16 bf16/bf16} int8/f32; do
    nvidia "gpu $storage"
    for gpu in gfx90a gfx1100; do
        amd "gpu $storage" "$gpu"
    done
done

# With matrix instructions, which are to be there. Exact products are of bf16 in any case.
for type in f16 bf16; do
    for suite in "gpu $type/$type" "gpu $type/$type $type compute"; do
        operands=bf16 cdna2=bf16_1k
        [ "$suite" = "gpu f16/f16 f16 compute" ] && operands=f16 cdna2=f16
        # One type for exact products, and one for products of 16 bits.
        case $suite in
        'gpu f16/f16' | 'gpu bf16/bf16 bf16 compute') [ "$all" ] || continue ;;
        esac
        nvidia "$suite nvidia"
        something "targets: $suite: PTX has no mma.sync" \
            "$(grep "mma.sync.aligned.m16n8k16.row.col.f32.$operands.$operands.f32" "$work/k.ptx")"
        amd_matrix "$suite amd-wmma" gfx1100 v_wmma_f32_16x16x16_$operands
        amd_matrix "$suite amd-mfma" gfx90a v_mfma_f32_16x16x16$cdna2
        amd_matrix "$suite amd-mfma" gfx940 v_mfma_f32_16x16x16_$operands
        intel "$suite intel-8"
        intel "$suite intel-16"
    done
done

# A work-item that needs 4 KiB of its own: that it is noticed.
cat >"$work/program.cl" <<'END'
__kernel void f(__global int *y, int n) {
    int a[1024];
    for (int i = 0; i < n; i++)
        a[y[i]] = i;
    y[get_global_id(0)] = a[n];
}
END
options=-cl-std=CL1.2
compile "$work/k.s" -S -target amdgcn-amd-amdhsa -mcpu=gfx90a -nogpulib -Xclang \
    -mlink-builtin-bitcode -Xclang $clc/amdgcn--amdhsa.bc >/dev/null
something 'targets: scratch memory is noticed' "$(grep '^; ScratchSize: [1-9]' "$work/k.s")"
finish

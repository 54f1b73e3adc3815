"""Static analysis of one program of GPU kernels for NVIDIA devices, without such a device.

usage: nvidia.py PROGRAM.cl [--table]

PROGRAM.cl is what `tests/kernels --print-program` prints. clang makes PTX of it, ptxas the code of
each architecture, nvdisasm its text. Prints breaches: kernels that spill registers, and kernels
named *_wide* whose loops with matrix instructions load 2 bytes at a time, have more than 4
instructions per matrix instruction, or lack LDSM (ldmatrix) or LDGSTS (cp.async). Kernels for few
rows wait for memory, and may have more instructions, and so may a softmax. With --table prints a
table instead. Exits with 77 if a tool is missing, and names it.

A loop is the code from a label to the last jump back to it, so code that the loop jumps over
counts too, and code that the compiler moved out of it does not.
"""
import collections
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tempfile

ARCHITECTURES = ("sm_80", "sm_90")
CLC = "/usr/lib/clc/nvptx64--nvidiacl.bc"
# The assembler for sm_80 needs a little more.
MOST_PER_MATRIX = {"sm_80": 4.25, "sm_90": 4}
FEW_ROWS = re.compile(r"_rows_|_32$")
# Each item widens 16 numbers of narrow state in a step: two or four instructions for each.
MOST_WITH_WIDENING = {"attn_el_wide_scores": 5.1, "attn_el_wide_context": 8.5}
# Two thirds of these loops are a softmax, and the position bias, which most models jump over.
MOST_WITH_SOFTMAX = {"attn_packed_wide_64": 12.5, "attn_packed_wide_128": 9}
# Of a multiprocessor: 32-bit registers, warps, work-groups, and bytes of local memory, of which
# each group takes 1 KiB more than it asks for.
REGISTERS, WARPS, GROUPS = 65536, 64, 32
LOCAL = {"sm_80": 164 << 10, "sm_90": 228 << 10}

LABEL = re.compile(r"^(\.L\S*):")
CODE = re.compile(r"^\s*/\*[0-9a-f]+\*/\s+(?:@!?U?P\w+\s+)?([A-Z][\w.]*)\s*([^;]*);")
TARGET = re.compile(r"`\((\.L\w+)\)")

Loop = collections.namedtuple("Loop", "first last")
Kernel = collections.namedtuple(
    "Kernel", "name arch registers stack spilled local takes_local items code loops")


def find_tool(name, folder=None, package=None):
    """Looks in PATH, in a folder, and in a Python package that has the program."""
    found = shutil.which(name) or (folder and shutil.which(name, path=folder))
    if not found and package:
        try:
            files = importlib.metadata.files(package) or []
        except importlib.metadata.PackageNotFoundError:
            files = []
        found = next((str(f.locate()) for f in files if f.name == name), None)
    if not found:
        print(f"no {name} here" + (f" (Python package {package})" if package else ""))
        sys.exit(77)
    return found


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        print(f"{os.path.basename(command[0])}: {done.stdout[:2000]}")
        sys.exit(1)
    return done.stdout


def compile_ptx(source, output):
    options = open(source).readline().removeprefix("//").split()
    clang = find_tool("clang-15")
    if not os.path.exists(CLC):
        print("no libclc-15 here")
        sys.exit(77)
    target = ["-target-feature", "+ptx75", "-target-cpu", "sm_80", "-finclude-default-header",
              "-mlink-builtin-bitcode", CLC]
    run(clang, "-x", "cl", *options, "-Wno-everything", "-O3", "-S", "-target",
        "nvptx64--nvidiacl", *(w for t in target for w in ("-Xclang", t)), source, "-o", output)


def ptx_facts(ptx):
    """{kernel: (takes local memory as an argument, items of a work-group)}"""
    facts = {}
    for entry in re.finditer(r"\.entry (\w+)\((.*?)\n\)(.*?)\{", ptx, re.S):
        sizes = re.search(r"\.reqntid (\d+)(?:, (\d+))?(?:, (\d+))?", entry[3])
        items = 1
        for n in sizes.groups() if sizes else ["128"]:
            items *= int(n or 1)
        facts[entry[1]] = (".ptr .shared" in entry[2], items)
    return facts


def ptxas_facts(report):
    """{kernel: (registers, bytes of stack, bytes of spills, bytes of local memory)}"""
    facts = {}
    for entry in re.finditer(
            r"entry function '(\w+)' for.*?\n(.*?)Used (\d+) registers(.*?)\n", report, re.S):
        stack, stores, loads = re.search(
            r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads",
            entry[2]).groups()
        local = re.search(r"(\d+) bytes smem", entry[4])
        facts[entry[1]] = (int(entry[3]), int(stack), int(stores) + int(loads),
                           int(local[1]) if local else 0)
    return facts


def disassembled(text):
    """Yields (kernel, code, loops): code is a list of (opcode, operands)."""
    for section in re.split(r"^\.text\.", text, flags=re.M)[1:]:
        name, _, body = section.partition(":")
        code, at, ends = [], {}, {}
        for line in body.splitlines():
            label, instruction = LABEL.match(line), CODE.match(line)
            if label:
                at[label[1]] = len(code)
            elif instruction:
                target = TARGET.search(instruction[2])
                if instruction[1].startswith("BRA") and target and target[1] in at:
                    first = at[target[1]]
                    ends[first] = max(ends.get(first, 0), len(code))
                code.append((instruction[1], instruction[2]))
        yield name, code, [Loop(first, last) for first, last in sorted(ends.items())]


def analyze(source):
    ptxas = find_tool("ptxas", "/usr/local/cuda/bin")
    nvdisasm = find_tool("nvdisasm", "/usr/local/cuda/bin", "nvidia-cuda-nvdisasm")
    kernels = []
    with tempfile.TemporaryDirectory() as folder:
        ptx, cubin = folder + "/k.ptx", folder + "/k.cubin"
        compile_ptx(source, ptx)
        arguments = ptx_facts(open(ptx).read())
        for arch in ARCHITECTURES:
            facts = ptxas_facts(run(ptxas, "-v", "-arch=" + arch, ptx, "-o", cubin))
            for name, code, loops in disassembled(run(nvdisasm, "-c", cubin)):
                if name in facts:
                    kernels.append(Kernel(name, arch, *facts[name], *arguments[name], code, loops))
    return sorted(kernels, key=lambda k: (k.name, k.arch))


def is_matrix(opcode):
    return re.match(r"[HI]G?MMA", opcode) is not None


def opcodes(kernel, loop):
    return [opcode for opcode, _ in kernel.code[loop.first:loop.last + 1]]


def matrix_loops(kernel):
    return [loop for loop in kernel.loops if any(map(is_matrix, opcodes(kernel, loop)))]


def hottest(kernel):
    """(instructions, matrix instructions) of the innermost loop with most of the latter."""
    loops = matrix_loops(kernel)
    innermost = [loop for loop in loops if not any(
        loop.first <= other.first and other.last <= loop.last and other != loop
        for other in loops)]
    counts = [(sum(map(is_matrix, code)), len(code))
              for code in (opcodes(kernel, loop) for loop in innermost)]
    matrix, instructions = max(counts, default=(0, 0))
    return instructions, matrix


def looped(kernel):
    """Opcodes in loops: in those with matrix instructions, if there are any."""
    inside = {i for loop in matrix_loops(kernel) or kernel.loops
              for i in range(loop.first, loop.last + 1)}
    return [kernel.code[i][0] for i in sorted(inside)]


def widths(codes, *names):
    """{bytes: number} of the loads."""
    count = collections.Counter()
    for opcode in codes:
        parts = opcode.split(".")
        if parts[0] not in names:
            continue
        bits = next((int(p.lstrip("US")) for p in parts[1:] if p.lstrip("US").isdigit()), 32)
        count[bits // 8] += 1
    return count


def warps(kernel):
    """Warps of a multiprocessor, by registers and by the local memory that the kernel declares."""
    group = -(-kernel.items // 32)
    per_warp = -(-kernel.registers * 32 // 256) * 256
    groups = min(REGISTERS // per_warp // group, WARPS // group, GROUPS,
                 LOCAL[kernel.arch] // (kernel.local + 1024))
    return groups * group


def breaches(kernel):
    if kernel.spilled:
        yield f"spills {kernel.spilled} bytes"
    if "_wide" not in kernel.name:
        return
    codes = looped(kernel)
    instructions, matrix = hottest(kernel)
    if not matrix:
        yield "has no loop with matrix instructions"
        return
    most = MOST_WITH_SOFTMAX.get(kernel.name, MOST_PER_MATRIX[kernel.arch])
    many = instructions > most * matrix
    if many and not FEW_ROWS.search(kernel.name):
        yield f"has {instructions} instructions for {matrix} matrix instructions"
    narrow = widths(codes, "LDG", "LD")[2]
    if narrow:
        yield f"has {narrow} global loads of 2 bytes in a loop with matrix instructions"
    for name in ("LDSM", "LDGSTS"):
        if not any(opcode.startswith(name) for opcode in codes):
            yield f"has no {name} in a loop with matrix instructions"


def shown(count):
    return ", ".join(f"{n} x {size}" for size, n in sorted(count.items(), reverse=True)) or "-"


def print_table(kernels):
    print("| kernel | arch | registers | stack | spills | local | warps "
          "| loop instructions per matrix instruction | global loads | local loads "
          "| LDSM | LDGSTS |")
    print("|---|---|---|---|---|---|---|---|---|---|---|---|")
    for k in kernels:
        codes = looped(k)
        instructions, matrix = hottest(k)
        ratio = f"{instructions} / {matrix} = {instructions / matrix:.1f}" if matrix else "-"
        local = f"{k.local}{' + arg' if k.takes_local else ''}"
        fast = [sum(o.startswith(name) for o in codes) or "-" for name in ("LDSM", "LDGSTS")]
        print(f"| {k.name} | {k.arch} | {k.registers} | {k.stack} | {k.spilled} | {local} "
              f"| {warps(k)} | {ratio} | {shown(widths(codes, 'LDG', 'LD'))} "
              f"| {shown(widths(codes, 'LDS'))} | {fast[0]} | {fast[1]} |")


def main():
    kernels = analyze(sys.argv[1])
    if "--table" in sys.argv:
        print_table(kernels)
        return
    if not kernels:
        print("no kernels")
    for kernel in kernels:
        for breach in breaches(kernel):
            print(f"{kernel.name}, {kernel.arch}: {breach}")


main()

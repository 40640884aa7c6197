using System.Globalization;
using System.Security.Cryptography;

namespace InverseSolver.Torch;

/// <summary>
/// The switch of oneDNN, and its table of caches. oneDNN 3.7 reads the sizes of an AMD processor's caches from CPUID leaf 0x8000001D. A hypervisor that hides
/// the leaf (Firecracker) makes that three levels of one byte each; reorders then leave parts of blocked layouts unwritten, and convolutions over channels that
/// fill no block give wrong numbers or NaN. With an empty table oneDNN uses its own sizes.
/// </summary>
internal static unsafe class OneDnn
{
    // libtorch_cpu.so of the package libtorch-cpu-linux-x64 2.10.0. `nm -C libtorch_cpu.so` says where dnnl::impl::cpu::x64::cpu()::cpu_ and
    // dnnl_set_primitive_cache_capacity lie; get_per_core_cache_size(int), disassembled, what lies in cpu_ at 0x1c: bytes of up to ten levels, the cores that
    // share each, the count of levels. The guard of cpu_ lies before it.
    private const string Sha256 = "0F4B3E14ED8468219FEFE110605E741AFC6BFBEC27CC777A224301EDB9F24C41";
    private const nint Cpu = 0x1585b180, Guard = 0x1585b170, SetPrimitiveCacheCapacity = 0x1129e7f0;
    private const int Table = 0x1c, MaxLevels = 10, Levels = 2 * MaxLevels;

    /// <summary>True where libtorch may call oneDNN.</summary>
    internal static bool Enabled
    {
        get => Symbols.UserEnabledMkldnn(Symbols.Context()) != 0;
        set => Symbols.SetUserEnabledMkldnn(Symbols.Context(), value ? (byte)1 : (byte)0);
    }

    /// <summary>
    /// Empties the table where it holds sizes that no cache has. False where it does not, or where this libtorch is not the one whose offsets are known.
    /// </summary>
    internal static bool Mend() => Find() is { } caches && caches.Mend();

    /// <summary>
    /// The table of this process; null where the offsets of this libtorch are unknown. Reads the whole library, so nobody calls it while the
    /// numbers are right.
    /// </summary>
    internal static CacheTable? Find()
    {
        // The library that is mapped, not the one that a search would find. A file that was replaced since is marked "(deleted)" and does not match.
        string[] starts = [.. File.ReadLines("/proc/self/maps").Where(line =>
            line.EndsWith("/libtorch_cpu.so", StringComparison.Ordinal) && line.Split(' ')[2] == "00000000")];
        if (starts is not [string start])
        {
            return null;
        }

        using FileStream file = File.OpenRead(start[start.IndexOf('/')..]);
        nint library = nint.Parse(start.AsSpan(0, start.IndexOf('-')), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        return Convert.ToHexString(SHA256.HashData(file)) == Sha256 && *(byte*)(library + Guard) == 1 ? new CacheTable(library) : null;
    }

    /// <summary>oneDNN's own table, in its memory.</summary>
    /// <param name="library">The address of libtorch_cpu.so in memory.</param>
    internal sealed class CacheTable(nint library)
    {
        /// <summary>Bytes of ten levels, the number of cores that share each, and the number of levels.</summary>
        internal Span<uint> Values => new((byte*)library + Cpu + Table, Levels + 1);

        internal bool Mend()
        {
            // No level 1 cache is smaller than 1 KiB.
            if (Values[Levels] is 0 or > 4 || Values[0] >= 1024)
            {
                return false;
            }

            Values[Levels] = 0;
            ForgetPrimitives();
            return true;
        }

        /// <summary>Primitives that oneDNN made from another table must not be used again. Sets its cache back to the size that it has by itself.</summary>
        internal void ForgetPrimitives()
        {
            var setCapacity = (delegate* unmanaged<int, int>)(library + SetPrimitiveCacheCapacity);
            _ = setCapacity(0);
            _ = setCapacity(1024);
        }
    }
}

using System.Numerics;
using System.Runtime.InteropServices;

namespace InverseSolver.Diffusion.Weights;

/// <summary>Looks for NaN and infinity in stored numbers: both have every exponent bit set.</summary>
internal static class Finite
{
    internal static bool All(ReadOnlySpan<byte> bytes, string type) => type switch
    {
        "F64" => NoneHasAll(MemoryMarshal.Cast<byte, ulong>(bytes), 0x7FF0_0000_0000_0000UL),
        "F32" => NoneHasAll(MemoryMarshal.Cast<byte, uint>(bytes), 0x7F80_0000U),
        "F16" => NoneHasAll(MemoryMarshal.Cast<byte, ushort>(bytes), (ushort)0x7C00),
        "BF16" => NoneHasAll(MemoryMarshal.Cast<byte, ushort>(bytes), (ushort)0x7F80),
        _ => true,
    };

    private static bool NoneHasAll<T>(ReadOnlySpan<T> values, T mask)
        where T : unmanaged, IBinaryInteger<T>
    {
        var wanted = new Vector<T>(mask);
        int i = 0;
        for (; i <= values.Length - Vector<T>.Count; i += Vector<T>.Count)
        {
            if (Vector.EqualsAny(new Vector<T>(values[i..]) & wanted, wanted))
            {
                return false;
            }
        }

        for (; i < values.Length; i++)
        {
            if ((values[i] & mask) == mask)
            {
                return false;
            }
        }

        return true;
    }
}

namespace InverseSolver.Reconstruction.Operators;

/// <summary>
/// Random numbers for masks and kernels that stay the same with every .NET version, unlike <see cref="Random"/>'s:
/// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
/// </summary>
internal sealed class SplitMix64(long seed)
{
    private ulong _state = unchecked((ulong)seed);

    /// <summary>64 random bits.</summary>
    public ulong Next()
    {
        unchecked
        {
            _state += 0x9E3779B97F4A7C15;
            ulong z = _state;
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
            return z ^ (z >> 31);
        }
    }

    /// <summary>Uniform in [0, 1), 53 bits.</summary>
    public double NextDouble() => (Next() >> 11) * (1.0 / (1UL << 53));

    /// <summary>Uniform in [low, high).</summary>
    public double Uniform(double low, double high) => low + ((high - low) * NextDouble());

    /// <summary>Uniform in 0 … count − 1, without bias.</summary>
    public long NextBelow(long count)
    {
        ulong n = (ulong)count, unbiased = ulong.MaxValue - (ulong.MaxValue % n);
        ulong bits;
        do bits = Next();
        while (bits >= unbiased);
        return (long)(bits % n);
    }

    /// <summary>The positions of <paramref name="count"/> of <paramref name="of"/> things, without replacement, in random order (Fisher and Yates).</summary>
    public long[] Choose(long count, long of)
    {
        var positions = new long[of];
        for (long i = 0; i < of; i++) positions[i] = i;
        for (long i = 0; i < count; i++)
        {
            long j = i + NextBelow(of - i);
            (positions[i], positions[j]) = (positions[j], positions[i]);
        }
        return positions[..(int)count];
    }

    /// <summary>Beta(k, n + 1 − k) for whole numbers: the k-th smallest of n uniform numbers.</summary>
    public double Beta(int k, int n)
    {
        var draws = new double[n];
        for (int i = 0; i < n; i++) draws[i] = NextDouble();
        Array.Sort(draws);
        return draws[k - 1];
    }

    /// <summary>Triangular on [low, high] with the given mode, by the inverse of its distribution function.</summary>
    public double Triangular(double low, double mode, double high)
    {
        double u = NextDouble(), split = (mode - low) / (high - low);
        return u < split
            ? low + Math.Sqrt(u * (high - low) * (mode - low))
            : high - Math.Sqrt((1 - u) * (high - low) * (high - mode));
    }
}

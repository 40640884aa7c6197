using InverseSolver.Reconstruction.Operators;

namespace InverseSolver.Reconstruction.Mri;

/// <summary>Coils and a phase for simulated measurements. The same arguments give the same values everywhere.</summary>
public static class CoilSimulation
{
    // Of the wires from the centre, in half sides of the image: all lie outside of its corners.
    private const double Nearest = 1.5, Farthest = 1.8;

    /// <summary>
    /// Straight wires along the bore, on a ring around the image: by Biot and Savart's law the transverse field of one at w, in the complex plane, is
    /// proportional to the conjugate of 1 / (z − w), whose phase is smooth.
    /// </summary>
    /// <param name="coils">How many.</param>
    /// <param name="rows">Rows of the image.</param>
    /// <param name="columns">Columns of the image.</param>
    /// <param name="seed">Seed of the places on the ring, which are nearly equally spaced, and of the phases.</param>
    /// <param name="normalised">
    /// Whether the root sum of squares is 1 everywhere, as of estimated maps; else it is 1 on average and larger near the ring.
    /// </param>
    /// <returns>Complex float32 (coils, rows, columns).</returns>
    public static Tensor Coils(int coils, long rows, long columns, long seed, bool normalised = true)
    {
        if (coils < 1 || rows < 1 || columns < 1) throw new ArgumentException("Coils, rows and columns are at least 1.");
        using var scope = torch.NewDisposeScope();
        var random = new SplitMix64(seed);
        double start = random.Uniform(0, 2 * Math.PI);
        var fields = new Tensor[coils];
        Tensor x = Axis(columns).unsqueeze(0).expand(rows, columns), y = Axis(rows).unsqueeze(1).expand(rows, columns);
        for (int coil = 0; coil < coils; coil++)
        {
            double angle = start + (2 * Math.PI * (coil + random.Uniform(-0.15, 0.15)) / coils);
            double distance = random.Uniform(Nearest, Farthest);
            double phase = random.Uniform(0, 2 * Math.PI);
            Tensor right = x - (distance * Math.Cos(angle)), up = y - (distance * Math.Sin(angle)), squared = right.square() + up.square();
            // 1 / conj(d) = d / |d|²
            fields[coil] = torch.polar(squared.rsqrt(), torch.full([], phase, ScalarType.Float64)) * torch.complex(right, up) / squared.sqrt();
        }
        Tensor all = torch.stack(fields), strength = all.abs().square().sum([0]).sqrt();
        return (all / (normalised ? strength : strength.mean())).to(ScalarType.ComplexFloat32).MoveToOuterDisposeScope();
    }

    /// <summary>A smooth phase, as inhomogeneous fields and flow give an object: a polynomial of degree 2.</summary>
    /// <param name="rows">Rows of the image.</param>
    /// <param name="columns">Columns of the image.</param>
    /// <param name="seed">Seed of the coefficients.</param>
    /// <param name="radians">The largest departure from 0.</param>
    /// <returns>Radians, float32 (rows, columns).</returns>
    public static Tensor ObjectPhase(long rows, long columns, long seed, double radians = 1)
    {
        if (rows < 1 || columns < 1) throw new ArgumentException("Rows and columns are at least 1.");
        using var scope = torch.NewDisposeScope();
        var random = new SplitMix64(seed);
        Tensor x = Axis(columns).unsqueeze(0), y = Axis(rows).unsqueeze(1);
        Tensor sum = torch.zeros([rows, columns], ScalarType.Float64);
        foreach (Tensor shape in (Tensor[])[torch.ones_like(x), x, y, x * y, x.square(), y.square()]) sum += shape * random.Uniform(-1, 1);
        return (sum * (radians / Math.Max(sum.abs().max().ToDouble(), double.Epsilon))).to(ScalarType.Float32).MoveToOuterDisposeScope();
    }

    // From −1 to below 1, 0 at size / 2.
    private static Tensor Axis(long size) => torch.copy_of([.. Enumerable.Range(0, (int)size).Select(i => (i - (size / 2)) * 2.0 / size)], size);
}

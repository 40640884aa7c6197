using InverseSolver.Reconstruction.Operators;

namespace InverseSolver.Reconstruction.Optimisation;

/// <summary>‖A‖², the largest eigenvalue of AᵀA, by power iteration (von Mises and Pollaczek-Geiringer 1929).</summary>
internal static class OperatorNorm
{
    private const int Iterations = 50;

    /// <summary>‖A‖², from below; always from the same start, so that a run draws no random number for it. 1 where A sees nothing.</summary>
    internal static double Squared(LinearOperator a, Device device)
    {
        using IDisposable grad = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        using var generator = new Generator(0);
        Tensor x = torch.randn([1, .. a.Domain], generator, ScalarType.Float32, device);
        double squared = 0;
        for (int i = 0; i < Iterations; i++)
        {
            x = a.Adjoint(a.Apply(x / x.norm()));
            squared = x.norm().ToDouble();
            if (squared == 0)
            {
                return 1;
            }
        }

        return squared;
    }

    /// <summary>
    /// The weight w = 5 σ² of a penalty: the mode of the posterior where its density is exp(-5 TV(x)) or exp(-5 ‖W x‖₁) on [0,1], whatever A's scale is;
    /// within 0.1 dB of the best over five kinds of problems (docs/decisions/0011). Noise below 10⁻³ ‖A‖ counts as that much: with none the weight only
    /// decides the pace.
    /// </summary>
    internal static double PenaltyWeight(double sigma, double norm2) => 5 * Math.Max(sigma * sigma, 1e-6 * norm2);
}

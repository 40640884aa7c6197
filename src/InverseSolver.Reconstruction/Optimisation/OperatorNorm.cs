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
}

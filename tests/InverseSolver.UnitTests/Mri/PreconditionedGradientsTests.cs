using InverseSolver.Reconstruction.Operators;
using Xunit;
using static InverseSolver.UnitTests.Mri.SenseScans;

namespace InverseSolver.UnitTests.Mri;

/// <summary>Conjugate gradients with complex unknowns and a preconditioner against a direct solver.</summary>
[LeavesNoTensors]
public sealed class PreconditionedGradientsTests
{
    private const long Size = 14;

    [Theory, InlineData(false), InlineData(true)]
    public void Complex_systems_are_solved(bool preconditioned)
    {
        using var scope = torch.NewDisposeScope();
        (Tensor b, Tensor inverse) = System();
        Tensor right = Complex(2, 3, Size).to(ScalarType.ComplexFloat64), expected = torch.linalg.solve(b, right.t()).t();
        Tensor x = ConjugateGradients.Solve(Apply(b), right, 1e-10, 200, preconditioned ? Apply(inverse) : null);
        Assert.True(Error(x, expected) < 1e-8, $"{Error(x, expected):e2}");
    }

    [Fact]
    public void A_better_preconditioner_needs_fewer_iterations_and_the_inverse_one()
    {
        using var scope = torch.NewDisposeScope();
        (Tensor b, Tensor diagonal) = System();
        Tensor right = Complex(2, 3, Size).to(ScalarType.ComplexFloat64), exact = torch.linalg.inv(b);
        int plain = Count(null), scaled = Count(Apply(diagonal)), perfect = Count(Apply(exact));
        Assert.True(scaled < plain, $"{scaled} of {plain}");
        Assert.Equal(1, perfect);

        int Count(Func<Tensor, Tensor>? precondition)
        {
            int calls = 0;
            ConjugateGradients.Solve(p => { calls++; return Apply(b)(p); }, right, 1e-6, 200, precondition);
            return calls;
        }
    }

    [Fact]
    public void Items_stop_by_themselves()
    {
        using var scope = torch.NewDisposeScope();
        (Tensor b, Tensor inverse) = System();
        Tensor right = Complex(2, 3, Size).to(ScalarType.ComplexFloat64);
        right.select(0, 1).mul_(0);
        right.select(0, 2).mul_(1e4);
        Tensor x = ConjugateGradients.Solve(Apply(b), right, 1e-3, 200, Apply(inverse));
        foreach (int item in (int[])[0, 2])
        {
            Tensor alone = ConjugateGradients.Solve(Apply(b), right.narrow(0, item, 1), 1e-3, 200, Apply(inverse));
            Assert.True(Error(x.narrow(0, item, 1), alone) < 1e-12);
        }

        Assert.Equal(0, x.select(0, 1).abs().max().ToDouble());
    }

    // Hermitian, positive, of very different rows, and the inverse of its diagonal.
    private static (Tensor Matrix, Tensor Diagonal) System()
    {
        Tensor g = Complex(1, Size, Size).to(ScalarType.ComplexFloat64),
            scale = torch.copy_of([.. Enumerable.Range(0, (int)Size).Select(i => Math.Pow(1.5, i))], Size);
        Tensor b = g.Matmul(g.t().conj()) / Size + torch.eye(Size, dtype: ScalarType.ComplexFloat64);
        b = b * scale.unsqueeze(0) * scale.unsqueeze(1);
        return (b, torch.eye(Size, dtype: ScalarType.ComplexFloat64) * (b * torch.eye(Size, dtype: ScalarType.ComplexFloat64)).sum([1]).reciprocal());
    }

    private static Func<Tensor, Tensor> Apply(Tensor matrix) => x => x.Matmul(matrix.t());
}

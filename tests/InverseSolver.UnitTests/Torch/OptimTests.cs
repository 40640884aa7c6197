using Xunit;

namespace InverseSolver.UnitTests.Torch;

/// <summary>PyTorch's update rules, worked out by hand in double precision.</summary>
[LeavesNoTensors]
public sealed class OptimTests
{
    private static readonly double[] Gradients = [0.5, -1.0, 0.25];

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Adam_and_AdamW_follow_PyTorchs_rule(bool decoupled)
    {
        const double Lr = 0.1, B1 = 0.9, B2 = 0.999, Eps = 1e-8, Decay = 0.04;
        using DisposeScope scope = torch.NewDisposeScope();
        Tensor parameter = torch.copy_of([2.0]);
        using AdamBase optimizer = decoupled
            ? new AdamW([parameter], Lr, weight_decay: Decay)
            : new Adam([parameter], Lr, weight_decay: Decay);
        double p = 2, m = 0, v = 0;
        for (int k = 0; k < 3; k++)
        {
            double g = Gradients[k] + (decoupled ? 0 : Decay * p);
            p *= decoupled ? 1 - Lr * Decay : 1;
            m = B1 * m + (1 - B1) * g;
            v = B2 * v + (1 - B2) * g * g;
            p -= Lr * (m / (1 - Math.Pow(B1, k + 1))) / (Math.Sqrt(v / (1 - Math.Pow(B2, k + 1))) + Eps);
            optimizer.step(torch.copy_of([Gradients[k]]));
            Assert.Equal(p, parameter.ToDouble(), 12);
        }
    }

    [Fact]
    public void Adams_first_step_is_the_learning_rate()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Tensor parameter = torch.copy_of([1.0, 1.0]);
        using var optimizer = new Adam([parameter], 0.01);
        optimizer.step(torch.copy_of([3.0, -0.2]));
        Assert.Equal([0.99, 1.01], parameter.ToDoubles().Select(v => Math.Round(v, 6)));
    }

    [Fact]
    public void SGD_with_momentum_is_the_heavy_ball()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Tensor parameter = torch.copy_of([1.0]);
        using var optimizer = new SGD([parameter], lr: 0.1, momentum: 0.9);

        // b: 0.5, -0.55, -0.245
        double[] expected = [0.95, 1.005, 1.0295];
        for (int k = 0; k < 3; k++)
        {
            optimizer.step(torch.copy_of([Gradients[k]]));
            Assert.Equal(expected[k], parameter.ToDouble(), 12);
        }
    }

    [Fact]
    public void SGD_without_momentum_decays_weights_through_the_gradient()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Tensor parameter = torch.copy_of([2.0]);
        using var optimizer = new SGD([parameter], lr: 0.5, weight_decay: 0.1);
        optimizer.step(torch.copy_of([1.0]));
        Assert.Equal(1.4, parameter.ToDouble(), 12);
    }
}

using System.Reflection;
using Xunit;
using Xunit.v3;

namespace InverseSolver.UnitTests;

/// <summary>Fails a test that leaves tensors alive, or gradients switched off.</summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method)]
public sealed class LeavesNoTensorsAttribute : BeforeAfterTestAttribute
{
    private long _before;

    public override void Before(MethodInfo methodUnderTest, IXunitTest test) => _before = Tensor.TotalCount;

    public override void After(MethodInfo methodUnderTest, IXunitTest test)
    {
        Assert.True(Tensor.TotalCount <= _before, $"{Tensor.TotalCount - _before} tensors are still alive");
        Assert.True(torch.is_grad_enabled());
    }
}

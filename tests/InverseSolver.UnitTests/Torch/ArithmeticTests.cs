using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace InverseSolver.UnitTests.Torch;

/// <summary>The test of libtorch's arithmetic finds wrong kernels, and what follows from each finding is what was decided.</summary>
[LeavesNoTensors]
public sealed class ArithmeticTests
{
    [Fact]
    public void Numbers_are_right_after_the_test()
    {
        ArithmeticOutcome outcome = Arithmetic.Verify();
        Assert.Null(Arithmetic.FirstFault(Arithmetic.Cases));
        Assert.Equal(outcome == ArithmeticOutcome.OneDnnOff, Arithmetic.Warning is not null);
        Assert.Equal(outcome != ArithmeticOutcome.OneDnnOff, OneDnn.Enabled);
    }

    public static TheoryData<string> Kernels => new(Arithmetic.Cases.Select(c => c.Name));

    [Theory, MemberData(nameof(Kernels))]
    public void A_block_of_the_output_that_is_wrong_or_not_a_number_is_found(string kernel)
    {
        Arithmetic.Case right = Arithmetic.Cases.Single(c => c.Name == kernel);
        foreach (double value in new[] { 0.01, double.NaN, double.PositiveInfinity })
        {
            Arithmetic.Case wrong = right with { Layer = (x, w) => WithLastElement(right.Layer(x, w), value) };
            Assert.StartsWith(kernel, Arithmetic.FirstFault([wrong]), StringComparison.Ordinal);
        }
    }

    [Theory, MemberData(nameof(Kernels))]
    public void A_wrong_gradient_of_a_right_output_is_found(string kernel)
    {
        Arithmetic.Case right = Arithmetic.Cases.Single(c => c.Name == kernel);
        Arithmetic.Case wrong = right with { Layer = (x, w) => right.Layer(x, w) + ((x - x.detach()).sum() * 0.01) };
        Assert.StartsWith(kernel, Arithmetic.FirstFault([wrong]), StringComparison.Ordinal);
    }

    [Theory, InlineData(1), InlineData(2)]
    public void A_kernel_that_is_wrong_at_one_count_of_threads_only_is_found(int threads)
    {
        int before = get_num_threads();
        try
        {
            Backend.Threads = 2;
            Arithmetic.Case right = Arithmetic.Cases[0];
            Arithmetic.Case wrong = right with { Layer = (x, w) => get_num_threads() == threads ? WithLastElement(right.Layer(x, w), 0) : right.Layer(x, w) };
            Assert.Contains($"threads {threads}:", Arithmetic.FirstFault([wrong]), StringComparison.Ordinal);
        }
        finally
        {
            Backend.Threads = before;
        }
    }

    [Fact]
    public void The_test_leaves_threads_and_gradients_as_they_were()
    {
        int before = get_num_threads();
        long tensors = Tensor.TotalCount;
        try
        {
            Backend.Threads = 3;
            using IDisposable none = no_grad();
            Assert.Null(Arithmetic.FirstFault(Arithmetic.Cases));
            Assert.Equal(3, get_num_threads());
            Assert.False(is_grad_enabled());
            Assert.Throws<NotImplementedException>(() =>
                Arithmetic.FirstFault([Arithmetic.Cases[0] with { Layer = (_, _) => throw new NotImplementedException() }]));
            Assert.Equal(3, get_num_threads());
            Assert.Equal(tensors, Tensor.TotalCount);
        }
        finally
        {
            Backend.Threads = before;
        }
    }

    [Fact]
    public void Each_finding_has_its_outcome()
    {
        string wrong = "convolution of 3 to 20 channels";
        Assert.Equal((ArithmeticOutcome.Right, ""), Settled([null], canMend: true));
        Assert.Equal((ArithmeticOutcome.Mended, "mend "), Settled([wrong, null], canMend: true));
        Assert.Equal((ArithmeticOutcome.OneDnnOff, "mend off "), Settled([wrong, null], canMend: false));
        Assert.Equal((ArithmeticOutcome.OneDnnOff, "mend off "), Settled([wrong, wrong, null], canMend: true));
        PlatformNotSupportedException refusal = Assert.Throws<PlatformNotSupportedException>(() => Settled([wrong, wrong, wrong], canMend: true));
        Assert.Contains(wrong, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_fault_of_hidden_caches_is_found_mended_and_avoided_without_oneDNN()
    {
        _ = Arithmetic.Verify();
        Assert.SkipUnless(OneDnn.Enabled && OneDnn.Find() is not null, "Only the packaged libtorch has a table at a known place.");
        OneDnn.CacheTable caches = OneDnn.Find()!;
        uint[] before = caches.Values.ToArray();
        try
        {
            HideCaches(caches);
            string? fault = Arithmetic.FirstFault(Arithmetic.Cases);
            Assert.Contains("convolution", fault, StringComparison.Ordinal);
            TestContext.Current.TestOutputHelper!.WriteLine(fault!);

            Assert.Equal(
                ArithmeticOutcome.Mended,
                Arithmetic.Settle(() => Arithmetic.FirstFault(Arithmetic.Cases), OneDnn.Mend, () => Assert.Fail("Mending is enough.")));
            Assert.Equal(0u, caches.Values[^1]);

            HideCaches(caches);
            Assert.Equal(
                ArithmeticOutcome.OneDnnOff, Arithmetic.Settle(() => Arithmetic.FirstFault(Arithmetic.Cases), () => false, () => OneDnn.Enabled = false));
            Assert.False(OneDnn.Enabled);
        }
        finally
        {
            OneDnn.Enabled = true;
            before.CopyTo(caches.Values);
            caches.ForgetPrimitives();
        }

        Assert.Null(Arithmetic.FirstFault(Arithmetic.Cases));
    }

    [Fact]
    public void A_table_with_sizes_that_caches_have_is_not_touched()
    {
        _ = Arithmetic.Verify();
        OneDnn.CacheTable? caches = OneDnn.Find();
        Assert.SkipWhen(caches is null, "Only the packaged libtorch has a table at a known place.");
        uint[] before = caches.Values.ToArray(), real = [32 << 10, 512 << 10, 32 << 20, 0, 0, 0, 0, 0, 0, 0, 1, 1, 8, 0, 0, 0, 0, 0, 0, 0, 3];
        try
        {
            real.CopyTo(caches.Values);
            Assert.False(OneDnn.Mend());
            Assert.Equal(real, caches.Values.ToArray());
        }
        finally
        {
            before.CopyTo(caches.Values);
            caches.ForgetPrimitives();
        }
    }

    [Fact]
    public void A_folder_without_libtorch_is_named_with_the_remedy()
    {
        InvalidOperationException error = Assert.Throws<InvalidOperationException>(() =>
            Libtorch.LoadFrom(Path.GetTempPath(), "LIBTORCH must name another folder."));
        Assert.Contains(Path.GetTempPath(), error.Message, StringComparison.Ordinal);
        Assert.Contains("LIBTORCH", error.Message, StringComparison.Ordinal);
    }

    // What CPUID leaf 0x8000001D gives oneDNN where a hypervisor hides it: three levels of one byte, each for one core.
    private static void HideCaches(OneDnn.CacheTable caches)
    {
        new uint[] { 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 3 }.CopyTo(caches.Values);
        caches.ForgetPrimitives();
    }

    private static (ArithmeticOutcome Outcome, string Calls) Settled(string?[] faults, bool canMend)
    {
        var next = new Queue<string?>(faults);
        string calls = "";
        ArithmeticOutcome outcome = Arithmetic.Settle(
            next.Dequeue,
            () =>
            {
                calls += "mend ";
                return canMend;
            },
            () => calls += "off ");
        Assert.Empty(next);
        return (outcome, calls);
    }

    private static Tensor WithLastElement(Tensor output, double value)
    {
        Tensor last = zeros_like(output.detach());
        last.view(-1)[-1] = value;
        Tensor others = ones_like(last);
        others.view(-1)[-1] = 0.0;
        return (output * others) + last;
    }
}

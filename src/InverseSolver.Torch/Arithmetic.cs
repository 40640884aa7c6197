using System.Globalization;
using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace InverseSolver.Torch;

/// <summary>The outcome of the arithmetic self-test of this process.</summary>
public enum ArithmeticOutcome
{
    /// <summary>libtorch computes rightly as it is.</summary>
    Right,

    /// <summary>oneDNN computed wrongly, and computes rightly since its table of caches is mended.</summary>
    Mended,

    /// <summary>oneDNN computes wrongly and is switched off: libtorch's own kernels compute rightly, slower.</summary>
    OneDnnOff,
}

/// <summary>libtorch's arithmetic, tested against double precision before it is trusted.</summary>
public static class Arithmetic
{
    // Of the largest element: rounding gives 5e-7, an unwritten block 1e-2 to NaN.
    private const double Tolerance = 1e-4;

    /// <summary>
    /// Tests convolutions, their gradients, matrix products and group norm, once in a process; mends oneDNN or switches it off where it is wrong. Call it
    /// before the first tensor.
    /// </summary>
    /// <exception cref="PlatformNotSupportedException">The numbers are wrong even without oneDNN.</exception>
    public static ArithmeticOutcome Verify()
    {
        Libtorch.Load();
        return Result.Value;
    }

    /// <summary>The warning for the operator where oneDNN is off: reason, cost and remedy. Null where nothing is lost.</summary>
    public static string? Warning => Verify() == ArithmeticOutcome.OneDnnOff
        ? "oneDNN computes wrong convolutions on this machine and is switched off: results are right, and networks take 1.5 to 20 times as long. "
            + "The usual cause is a virtual machine that hides CPUID leaf 0x8000001D of an AMD processor (Firecracker, so AWS Fargate). "
            + "Run on another kind of machine, or unset LIBTORCH: the packaged libtorch can be corrected."
        : null;

    internal static ArithmeticOutcome Settle(Func<string?> firstFault, Func<bool> mend, Action switchOff)
    {
        if (firstFault() is null)
        {
            return ArithmeticOutcome.Right;
        }

        if (mend() && firstFault() is null)
        {
            return ArithmeticOutcome.Mended;
        }

        switchOff();
        return firstFault() is not { } fault
            ? ArithmeticOutcome.OneDnnOff
            : throw new PlatformNotSupportedException(
                $"libtorch computes wrong numbers on this machine, even without oneDNN: {fault}. No result can be trusted. "
                    + "Run on another kind of machine, or with another libtorch (LIBTORCH).");
    }

    /// <param name="Name">The readable name.</param>
    /// <param name="Layer">The layer of an input and a weight, in the precision that is tested.</param>
    /// <param name="Input">Shape of the input.</param>
    /// <param name="Weight">Shape of the weight.</param>
    internal sealed record Case(string Name, Func<Tensor, Tensor, Tensor> Layer, long[] Input, long[] Weight)
    {
        /// <summary>The layer in double precision.</summary>
        internal Func<Tensor, Tensor, Tensor> Reference { get; init; } = Layer;
    }

    /// <summary>
    /// Channels that fill no block of 8 or 16 on either side. docs/decisions/0028 says which of them a fault of oneDNN was seen in, and how surely.
    /// </summary>
    internal static IReadOnlyList<Case> Cases { get; } =
    [
        Conv(3, 20), Conv(33, 5), Conv(20, 12, stride: 2), Conv(12, 70, size: 1), Conv(70, 3, batch: 1, side: 32), Transposed(5, 20), Transposed(33, 12),
        new("linear", (x, w) => linear(x, w), [2, 21, 33], [70, 33]),
        new("matrix product", (a, b) => a.Matmul(b), [37, 21], [21, 43]),
        new("batched matrix product", bmm, [3, 37, 21], [3, 21, 43]),
        new("group norm", (x, w) => group_norm(x, 4, w), [2, 20, 13, 11], [20]),
    ];

    private static readonly Lazy<ArithmeticOutcome> Result = new(() => Settle(() => FirstFault(Cases), OneDnn.Mend, () => OneDnn.Enabled = false));

    private static Case Conv(long inputs, long outputs, long size = 3, long stride = 1, long batch = 2, long side = 13) => new(
        $"convolution of {inputs} to {outputs} channels, {size}x{size}, stride {stride}, batch {batch}",
        (x, w) => conv2d(x, w, strides: [stride, stride], padding: [size / 2, size / 2]), [batch, inputs, side, side - 2], [outputs, inputs, size, size]);

    private static Case Transposed(long inputs, long outputs) => new(
        $"transposed convolution of {inputs} to {outputs} channels", (x, w) => conv_transpose2d(x, w, strides: [2, 2], padding: [1, 1]), [2, inputs, 7, 5],
        [inputs, outputs, 4, 4]);

    /// <summary>
    /// The first case whose output or input gradient in single precision is not that of double precision, at one thread or at all; null when all are right.
    /// </summary>
    internal static string? FirstFault(IReadOnlyList<Case> cases)
    {
        int threads = Backend.Threads;
        using DisposeScope scope = NewDisposeScope();
        using IDisposable gradients = enable_grad();
        try
        {
            Poison();
            foreach (Case c in cases)
            {
                var random = new Random(1);
                float[] input = Uniform(random, c.Input), weight = Uniform(random, c.Weight);
                Backend.Threads = 1;
                (Tensor rightOutput, Tensor rightGradient) = Run(c.Reference, Of(input, c.Input, float64), Of(weight, c.Weight, float64));
                foreach (int count in new[] { 1, threads }.Distinct())
                {
                    Backend.Threads = count;
                    (Tensor output, Tensor gradient) = Run(c.Layer, torch.copy_of(input, c.Input), torch.copy_of(weight, c.Weight));
                    double forward = Error(output, rightOutput), backward = Error(gradient, rightGradient);
                    if (!(forward <= Tolerance && backward <= Tolerance))
                    {
                        return string.Create(
                            CultureInfo.InvariantCulture, $"{c.Name}, threads {count}: relative error {forward:E1}, of the input gradient {backward:E1}");
                    }
                }
            }

            return null;
        }
        finally
        {
            Backend.Threads = threads;
        }
    }

    // An output and the gradient by its input of a random sum of it.
    private static (Tensor Output, Tensor Gradient) Run(Func<Tensor, Tensor, Tensor> layer, Tensor input, Tensor weight)
    {
        Tensor leaf = input.requires_grad_();
        Tensor output = layer(leaf, weight);
        return (output.detach(), torch.autograd.vjp(output, leaf, Of(Uniform(new Random(2), output.shape), output.shape, output.dtype)));
    }

    private static Tensor Of(float[] values, long[] shape, ScalarType type) => torch.copy_of(values, shape).to(type);

    private static float[] Uniform(Random random, long[] shape)
    {
        var values = new float[shape.Aggregate(1L, (a, b) => a * b)];
        foreach (ref float value in values.AsSpan())
        {
            value = (2 * random.NextSingle()) - 1;
        }

        return values;
    }

    // Largest difference, relative to the largest element. NaN where a value is NaN.
    private static double Error(Tensor tested, Tensor reference)
    {
        float[] values = tested.ToFloats();
        double[] right = reference.ToDoubles();
        double worst = 0, largest = 0;
        for (int i = 0; i < right.Length; i++)
        {
            worst = Math.Max(worst, Math.Abs(values[i] - right[i]));
            largest = Math.Max(largest, Math.Abs(right[i]));
        }

        return worst / largest;
    }

    // Leaves NaN in the memory that libtorch allocates next, which exposes elements that a kernel fails to write.
    private static unsafe void Poison()
    {
        var blocks = new List<nint>();
        for (nuint size = 1 << 10; size <= 1 << 22; size *= 2)
        {
            for (int i = 0; i < 4; i++)
            {
                void* block = NativeMemory.AlignedAlloc(size, 64);
                NativeMemory.Fill(block, size, 0xff);
                blocks.Add((nint)block);
            }
        }

        blocks.ForEach(block => NativeMemory.AlignedFree((void*)block));
    }
}

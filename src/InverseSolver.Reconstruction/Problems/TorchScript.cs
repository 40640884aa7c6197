using System.ComponentModel.DataAnnotations;
using System.Security.Cryptography;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Solvers;

namespace InverseSolver.Reconstruction.Problems;

/// <summary>
/// A forward model that the operator of the service wrote as a TorchScript module: a file in the configured folder of operators, never uploaded. Its
/// <c>forward</c> takes images (N, channels, height, width) on [0,1], float32, item by item, and gives real (N, channels, height, width) of any sizes; it
/// must be differentiable.
/// </summary>
/// <param name="Module">The file's name without its ending, <c>.pt</c>.</param>
/// <param name="Channels">Channels of the unknown image; absent: the measurement's.</param>
/// <param name="Height">Height of the unknown image; absent: the measurement's.</param>
/// <param name="Width">Width of the unknown image; absent: the measurement's.</param>
public sealed record TorchScript(
    [property: Required, RegularExpression("[A-Za-z0-9][A-Za-z0-9._-]{0,99}")] string Module,
    [property: AllowedValues(null, 1, 3)] int? Channels = null,
    [property: Range(1, 4096)] int? Height = null,
    [property: Range(1, 4096)] int? Width = null) : Problem
{
    internal static ProblemDescription Description { get; } =
        new("torchScript", new("redDiff", "dcdp", Recommendation.Unmeasured), """{"module":"camera"}""");

    internal override bool IsLinear => false;

    internal override bool KnowsShape => false;

    internal override string? NoiseRefusal => "What a module's measurement looks like without noise is not known here.";

    internal override long[] ImageShape(long[] measurement) => [Channels ?? measurement[0], Height ?? measurement[1], Width ?? measurement[2]];

    internal override OperatorArrays Arrays(ProblemInputs inputs)
    {
        string file = Path.Combine(inputs.OperatorFolder ?? string.Empty, Module + ".pt");
        return inputs.OperatorFolder is not null && File.Exists(file)
            ? new(ModuleFile: file)
            : throw new InvalidInputException("problem.module", "There is no such operator here.");
    }

    internal override ForwardOperator Operator(long[] image, OperatorArrays arrays, Device device) =>
        TorchScriptOperator.Load(arrays.ModuleFile!, image, device);
}

/// <summary>A TorchScript module as a forward model, of which only values and gradients are known.</summary>
public sealed class TorchScriptOperator : NonlinearOperator
{
    private readonly TorchScriptModule _module;

    private TorchScriptOperator(TorchScriptModule module, string hash, long[] domain, long[] range)
        : base("torchScript", domain, range, range.Aggregate(1L, (a, b) => a * b)) => (_module, Hash) = (module, hash);

    /// <summary>SHA-256 of the module's file, lower-case hexadecimal.</summary>
    public string Hash { get; }

    /// <summary>Loads a module and calls it once with its gradient, to see what it gives.</summary>
    /// <param name="file">The module's file.</param>
    /// <param name="domain">(channels, height, width).</param>
    /// <param name="device">Where it computes.</param>
    /// <exception cref="InvalidInputException">No module, or not one for such images.</exception>
    public static TorchScriptOperator Load(string file, long[] domain, Device device)
    {
        TorchScriptModule? module = null;
        try
        {
            string hash = Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(file)));
            module = TorchScriptModule.Load(file, device);
            using var scope = torch.NewDisposeScope();
            using var _ = torch.enable_grad();
            Tensor image = torch.full([1, .. domain], 0.5, device: device).requires_grad_();
            Tensor probe = module.forward(image);
            if (probe.dtype != ScalarType.Float32 || probe.shape is not [1, > 0, > 0, > 0] range)
            {
                module.Dispose();
                throw new InvalidInputException("problem.module", "The module does not give float32 of the shape (N, channels, height, width).");
            }

            if (!HasGradient(probe, image))
            {
                module.Dispose();
                throw new InvalidInputException(
                    "problem.module",
                    "The module's result has no gradient by the image: "
                        + "it has to be made of differentiable operations that leave their arguments as they are.");
            }

            return new TorchScriptOperator(module, hash, domain, range[1..]);
        }
        catch (Exception error) when (error.IsFromTorch || error is InvalidOperationException or InvalidDataException)
        {
            module?.Dispose();
            throw new InvalidInputException(
                "problem.module",
                module is null
                    ? "The file is no TorchScript module."
                    : $"The module cannot be applied to images of the shape ({string.Join(", ", domain)}).");
        }
    }

    private static bool HasGradient(Tensor output, Tensor image)
    {
        try
        {
            torch.autograd.vjp(output, image, torch.ones_like(output)).Dispose();
            return true;
        }
        catch (Exception error) when (error.IsFromTorch)
        {
            return false;
        }
    }

    /// <inheritdoc/>
    protected override Tensor ApplyCore(Tensor x) => _module.forward(x);

    private protected override Tensor DirectCore(Tensor y) => y.shape[1..].SequenceEqual(Domain) ? y : base.DirectCore(y);

    /// <inheritdoc/>
    protected override void DisposeCore() => _module.Dispose();
}

using System.Security.Cryptography;

namespace InverseSolver.Solvers.Operators;

/// <summary>A TorchScript module as a forward model, of which only values and gradients are known.</summary>
public sealed class TorchScriptOperator : NonlinearOperator
{
    private readonly TorchScriptModule module;

    private TorchScriptOperator(TorchScriptModule module, string hash, long[] domain, long[] range)
        : base("torchScript", domain, range, range.Aggregate(1L, (a, b) => a * b)) => (this.module, Hash) = (module, hash);

    /// <summary>SHA-256 of the module's file, lower-case hexadecimal.</summary>
    public string Hash { get; }

    /// <summary>Loads a module and calls it once, to see what it gives.</summary>
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
            using var _ = torch.no_grad();
            Tensor probe = module.forward(torch.full([1, .. domain], 0.5, device: device));
            if (probe.dtype == ScalarType.Float32 && probe.shape is [1, _, _, _] range) return new TorchScriptOperator(module, hash, domain, range[1..]);
            module.Dispose();
            throw new InvalidInputException("problem.module", "The module does not give float32 of the shape (N, channels, height, width).");
        }
        catch (Exception error) when (error.IsFromTorch || error is InvalidOperationException or InvalidDataException)
        {
            module?.Dispose();
            throw new InvalidInputException(
                "problem.module", module is null ? "The file is no TorchScript module." : $"The module cannot be applied to images of the shape ({string.Join(", ", domain)}).");
        }
    }

    /// <inheritdoc/>
    protected override Tensor ApplyCore(Tensor x) => module.forward(x);

    private protected override Tensor DirectCore(Tensor y) => y.shape[1..].SequenceEqual(Domain) ? y : base.DirectCore(y);

    /// <inheritdoc/>
    protected override void DisposeCore() => module.Dispose();
}

namespace InverseSolver.Diffusion.Backends;

/// <summary>
/// A network in a file of another program: TorchScript or ONNX. It takes a sample and, where it is a denoiser, timesteps and perhaps
/// a context or class labels, and gives one tensor. Element types are the file's; the interface is float32.
/// </summary>
internal abstract class NetworkFile(string name, Device device, InputRole[] roles) : IDisposable
{
    /// <summary>The file as messages show it.</summary>
    internal string Name => name;

    internal Device Device => device;

    /// <summary>The roles of its inputs, in their order.</summary>
    internal IReadOnlyList<InputRole> Roles => roles;

    /// <summary>The file's element type.</summary>
    internal abstract ScalarType Type { get; }

    /// <summary>Bytes of the file and of its external data.</summary>
    internal long Bytes { get; set; }

    /// <summary>True where items go through the network one after the other, because the file takes single items only.</summary>
    internal bool OneByOne { get; private protected set; }

    /// <summary>True where the file takes one timestep for all items.</summary>
    private protected bool OneTime { get; init; }

    /// <summary>Runs the network.</summary>
    /// <param name="sample">(N, c, h, w).</param>
    /// <param name="t">Timesteps, (N), of a denoiser.</param>
    /// <param name="context">(N, L, D), of a conditional denoiser.</param>
    /// <param name="labels">(N), of a class-conditional denoiser.</param>
    internal Tensor Run(Tensor sample, Tensor? t = null, Tensor? context = null, Tensor? labels = null)
    {
        long items = sample.size(0);
        bool split = OneByOne || (OneTime && t!.ToLongs().Distinct().Count() > 1);
        if (!split || items == 1)
        {
            return RunTogether(sample, t, context, labels);
        }

        using DisposeScope scope = torch.NewDisposeScope();
        Tensor[] results = [.. Enumerable.Range(0, (int)items).Select(i => RunTogether(
            sample.narrow(0, i, 1), t?.narrow(0, i, 1), context?.narrow(0, i, 1), labels?.narrow(0, i, 1)))];
        return torch.cat(results).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// Runs the network once on inputs of a size that it must take, and refuses it where it fails or gives another shape or values that are not finite. A file
    /// that takes no two items at once gets them one by one from then on.
    /// </summary>
    /// <param name="inputs">Inputs of two items.</param>
    /// <param name="shapes">Shapes that the result may have.</param>
    internal virtual void Check((Tensor Sample, Tensor? T, Tensor? Context, Tensor? Labels) inputs, params long[][] shapes)
    {
        using IDisposable grad = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        Tensor result;
        try
        {
            try
            {
                result = Run(inputs.Sample, inputs.T, inputs.Context, inputs.Labels);
            }
            catch (NetworkFailedException) when (!OneByOne)
            {
                OneByOne = true;
                result = Run(inputs.Sample, inputs.T, inputs.Context, inputs.Labels);
            }
        }
        catch (NetworkFailedException e)
        {
            throw new InvalidModelException($"{Name} fails on {Shape(inputs.Sample.shape)}: {e.Message}", e);
        }

        if (!shapes.Any(shape => shape.SequenceEqual(result.shape)))
        {
            throw new InvalidModelException(
                $"{Name} makes {Shape(result.shape)} of {Shape(inputs.Sample.shape)}; it must be {string.Join(" or ", shapes.Select(Shape))}.");
        }

        if (!result.sum().ToDoubles().All(double.IsFinite))
        {
            throw new InvalidModelException($"{Name} gives values that are not finite numbers.");
        }
    }

    /// <inheritdoc/>
    public abstract void Dispose();

    private protected abstract Tensor RunTogether(Tensor sample, Tensor? t, Tensor? context, Tensor? labels);

    private static string Shape(long[] shape) => $"({string.Join(", ", shape)})";
}

/// <summary>A network's file could not be run on some input.</summary>
internal sealed class NetworkFailedException(string message, Exception inner) : Exception(message, inner)
{
    /// <summary>A library's error text, as one line of a message.</summary>
    internal static NetworkFailedException Of(Exception e) => new(InvalidModelException.Quote(e.FirstLine), e);
}

namespace InverseSolver.Torch;

/// <summary>
/// Kingma and Ba, "Adam" (2015), with PyTorch's update rule; weight decay is added to the gradient. Gradients are passed in: nothing here keeps a graph.
/// </summary>
public sealed class Adam(Tensor[] parameters, double lr = 1e-3, double beta1 = 0.9, double beta2 = 0.999, double eps = 1e-8, double weight_decay = 0)
    : AdamBase(parameters, lr, beta1, beta2, eps, weight_decay, decoupled: false);

/// <summary>Loshchilov and Hutter, "Decoupled weight decay regularization" (2019), with PyTorch's update rule.</summary>
public sealed class AdamW(Tensor[] parameters, double lr = 1e-3, double beta1 = 0.9, double beta2 = 0.999, double eps = 1e-8, double weight_decay = 1e-2)
    : AdamBase(parameters, lr, beta1, beta2, eps, weight_decay, decoupled: true);

/// <summary>The common part of Adam and AdamW.</summary>
public abstract class AdamBase : IDisposable
{
    private readonly Tensor[] _parameters;
    private readonly Tensor[] _mean;
    private readonly Tensor[] _square;
    private readonly double _lr, _beta1, _beta2, _eps, _decay;
    private readonly bool _decoupled;
    private int _step;

    private protected AdamBase(Tensor[] parameters, double lr, double beta1, double beta2, double eps, double weight_decay, bool decoupled)
    {
        (_parameters, _lr, _beta1, _beta2, _eps, _decay, _decoupled) = (parameters, lr, beta1, beta2, eps, weight_decay, decoupled);
        _mean = [.. parameters.Select(p => torch.zeros_like(p).DetachFromDisposeScope())];
        _square = [.. parameters.Select(p => torch.zeros_like(p).DetachFromDisposeScope())];
    }

    /// <summary>Changes the parameters in place.</summary>
    /// <param name="gradients">One for each parameter.</param>
    public void step(params Tensor[] gradients)
    {
        using IDisposable grad = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        _step++;
        double correction1 = 1 - Math.Pow(_beta1, _step);
        double correction2 = 1 - Math.Pow(_beta2, _step);
        for (int i = 0; i < _parameters.Length; i++)
        {
            Tensor p = _parameters[i], g = gradients[i];
            if (_decay != 0 && _decoupled)
            {
                p.mul_(1 - _lr * _decay);
            }
            else if (_decay != 0)
            {
                g = g.add(p, _decay);
            }

            _mean[i].mul_(_beta1).add_(g, 1 - _beta1);
            _square[i].mul_(_beta2).addcmul_(g, g, 1 - _beta2);
            Tensor denominator = _square[i].sqrt().div_(Math.Sqrt(correction2)).add_(_eps);
            p.addcdiv_(_mean[i], denominator, -_lr / correction1);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Tensor t in _mean.Concat(_square))
        {
            t.Dispose();
        }
    }
}

/// <summary>Gradient descent with heavy-ball momentum as PyTorch writes it: b ← μ b + g, p ← p − lr b.</summary>
public sealed class SGD(Tensor[] parameters, double lr, double momentum = 0, double weight_decay = 0) : IDisposable
{
    private readonly Tensor?[] _buffers = new Tensor?[parameters.Length];

    /// <summary>Changes the parameters in place.</summary>
    /// <param name="gradients">One for each parameter.</param>
    public void step(params Tensor[] gradients)
    {
        using IDisposable grad = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        for (int i = 0; i < parameters.Length; i++)
        {
            Tensor g = weight_decay != 0 ? gradients[i].add(parameters[i], weight_decay) : gradients[i];
            if (momentum != 0)
            {
                // The first buffer is the gradient itself, without (1 - dampening).
                _buffers[i] = _buffers[i]?.mul_(momentum).add_(g) ?? g.clone().DetachFromDisposeScope();
                g = _buffers[i]!;
            }

            parameters[i].add_(g, -lr);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Tensor? buffer in _buffers)
        {
            buffer?.Dispose();
        }
    }
}
